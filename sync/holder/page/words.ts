/** What the holder's page says of a state or a refusal, Vietnamese first. What never changes stands in the HTML. */
import { credentialClasses } from '../../credential/claims.ts';
import type { HolderReason } from '../held-credential.ts';

export interface Phrase {
  readonly vi: string;
  readonly en: string;
}

const phrase = (vi: string, en: string): Phrase => ({ vi, en });

export const TITLE = phrase('Mã đi đường', 'Travel code');

const classes: ReadonlyMap<number, Phrase> = new Map([
  [credentialClasses.declaration, phrase('Tờ khai y tế', 'Health declaration')],
  [credentialClasses.travelPermit, phrase('Giấy đi đường', 'Travel permit')],
  [credentialClasses.shipper, phrase('Người giao hàng', 'Delivery permit')],
  [credentialClasses.vehicle, phrase('Phương tiện', 'Vehicle permit')],
  [credentialClasses.duty, phrase('Công vụ', 'On duty')],
  [credentialClasses.medical, phrase('Y tế', 'Medical')],
]);

export function className(credentialClass: number): Phrase {
  return classes.get(credentialClass) ?? TITLE;
}

/** What stands in the place of a code, and what to do. */
export const stops = {
  expired: [phrase('ĐÃ HẾT HẠN', 'Expired'), phrase('Hãy xin nơi cấp mã mới.', 'Ask the issuer for a new code.')],
  'not-yet-valid': [phrase('CHƯA ĐẾN GIỜ', 'Not yet valid'), phrase('Mã sẽ tự hiện ở đây.', 'The code appears here by itself.')],
} as const;

export const untilLabels = {
  until: phrase('Dùng được đến', 'Valid until'),
  over: phrase('Đã hết hạn lúc', 'Expired at'),
  from: phrase('Dùng được từ', 'Valid from'),
} as const;

export const copyWords = {
  ready: phrase('Sao chép khóa', 'Copy the key'),
  done: phrase('Đã sao chép', 'Copied'),
  failed: phrase('Hãy giữ vào khóa rồi chọn Sao chép', 'Hold the key and choose Copy'),
} as const;

export const NOT_KEPT = phrase('Máy không lưu được mã.', 'This browser could not keep the code.');

/** Why a code was not taken, and what helps. */
export function refusalWords(reason: HolderReason): Phrase {
  switch (reason) {
    case 'device-key-other':
      return phrase(
        'Mã này cấp cho khóa khác. Hãy mở liên kết trên đúng điện thoại và trình duyệt đã tạo khóa, hoặc xin cấp lại cho khóa của máy này.',
        'This code was issued for another key. Open the link on the phone and in the browser that made the key, or have a code issued for the key of this phone.',
      );
    case 'device-key-missing':
      return phrase(
        'Đây là mã giấy, không gắn với máy nào. Hãy in ra hoặc giữ ảnh của mã.',
        'This is a code for paper, bound to no phone. Print it or keep its picture.',
      );
    case 'held-is-newer':
      return phrase('Mã vừa mở đã hết hạn. Mã đang có vẫn được giữ.', 'The code that you opened has expired. The one you have was kept.');
    case 'prefix-unknown':
      return phrase('Đây không phải mã đi đường.', 'This is no travel code.');
    default:
      return phrase(
        `Mã bị thiếu hoặc hỏng (${reason}). Hãy sao chép lại toàn bộ.`,
        `The code is incomplete or damaged (${reason}). Copy all of it again.`,
      );
  }
}
