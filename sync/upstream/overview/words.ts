/** What the overview calls alarms and faults, Vietnamese first: no word of the program. */
import { type FaultEntry, faults } from '../../../config/faults.ts';
import type { Expiring } from '../../protocol/expiry.ts';
import type { Alarm } from '../store/store.ts';

export interface Phrase {
  readonly vi: string;
  readonly en: string;
}

const phrase = (vi: string, en: string): Phrase => ({ vi, en });

export const alarmWords: Readonly<Record<Alarm['code'], Phrase>> = {
  'duplicate-identity': phrase('Hai máy dùng chung một danh tính', 'Two kiosks use one identity'),
  'journal-fork': phrase('Nhật ký của máy tách thành hai nhánh', 'The records of a kiosk go two ways'),
  'id-conflict': phrase('Hai bản ghi khác nhau cùng một số', 'Two different records have one number'),
  'token-reuse': phrase('Mã ghi danh bị dùng lại', 'An enrolment token was used again'),
  'record-lost': phrase('Máy bị mất bản ghi', 'A kiosk has lost records'),
  'seal-mismatch': phrase('Bản ghi bị đổi phần không niêm phong', 'The open part of a record was changed'),
  'journal-truncated': phrase('Nhật ký của máy ngắn hơn lần trước', 'The records of a kiosk are fewer than before'),
  'record-damaged': phrase('Bản ghi bị hỏng', 'A record is damaged'),
  'double-use': phrase('Một mã đã qua ở hai làn', 'One code passed at two lanes'),
  'page-link-reused': phrase('Liên kết trang của máy bị dùng lại', 'The link of a page of the kiosk was used again'),
  'operator-guesses': phrase('Có người dò mã đăng nhập của người vận hành', "Somebody guesses the operator's sign-in"),
  'enrolment-guesses': phrase('Có người dò mã ghi danh máy', 'Somebody guesses enrolment tokens'),
  'slice-loss': phrase(
    'Danh sách mới mất nhiều lệnh giữ nên chưa được phát hành; máy vẫn dùng danh sách cũ',
    'The new list has lost many holds and was not published; kiosks keep the one before',
  ),
  'store-set-back': phrase(
    'Kho trung tâm là bản sao lưu cũ: thiếu những lệnh giữ lập sau đó, chưa phát hành gì thêm',
    'The store of the centre is an older backup: holds made since are missing, and nothing is published',
  ),
  'versions-from-elsewhere': phrase(
    'Máy dùng bản mới hơn mọi bản mà trung tâm này từng lập',
    'A kiosk uses something newer than this centre ever made',
  ),
};

export const expiryWords: Readonly<Record<Expiring, Phrase>> = {
  keyring: phrase('danh sách khóa', 'list of keys'),
  policy: phrase('chính sách', 'policy'),
  slice: phrase('danh sách người', 'list of people'),
  certificate: phrase('chứng thư của máy', 'certificate'),
};

const byCode: ReadonlyMap<string, FaultEntry> = new Map(Object.entries(faults));

/** What a kiosk says closed its lane; one that is newer than this centre may say what it does not know. */
export function faultWords(code: string): Phrase {
  const known = byCode.get(code);
  if (known === undefined) return phrase('lý do mà trung tâm chưa biết', 'for a reason unknown to this centre');
  return phrase(`${known.screenCode} ${known.summaryVi}`, `${known.screenCode} ${known.summary}`);
}
