/** Why a time is not taken, from staff or from a code: one table of reasons with the words that staff read. */
import type { NonceReason } from './time-challenge.ts';
import type { EntryReason } from './trusted-time.ts';

export type TimeRefusal =
  | EntryReason
  | NonceReason
  | 'time-unrecorded'
  | 'time-code-form'
  | 'time-code-signer'
  | 'time-code-audience'
  | 'time-code-before-floor'
  | 'time-code-after-keyring';

export interface StaffWords {
  readonly vi: string;
  readonly en: string;
}

export const timeRefusals: Readonly<Record<TimeRefusal, StaffWords>> = {
  'time-disputed': {
    vi: 'Giờ này khác giờ mà trung tâm đang ký. Xem lại đồng hồ, nhất là ngày và năm; nếu đúng, báo cho trung tâm.',
    en: 'This is not what the centre signs now. Check the watch, above all day and year; if it is right, tell the centre.',
  },
  'time-known': {
    vi: 'Máy đã có giờ do trung tâm ký; không cần xác nhận.',
    en: 'The kiosk has the time from the centre already; there is nothing to confirm.',
  },
  'time-not-a-date': {
    vi: 'Đây không phải là ngày giờ có thật. Kiểm tra lại từng ô.',
    en: 'This is not a date and time. Check each field.',
  },
  'time-before-floor': {
    vi: 'Ngày giờ này trước giờ mà trung tâm đã ký lần cuối. Xem lại đồng hồ, nhất là ngày và năm.',
    en: 'This is before the last time that the centre signed. Check the watch, above all day and year.',
  },
  'time-before-lists': {
    vi: 'Ngày giờ này trước ngày của dữ liệu trong máy. Xem lại đồng hồ, nhất là ngày và năm.',
    en: 'This is before the date of the lists in the kiosk. Check the watch, above all day and year.',
  },
  'time-after-keyring': {
    vi: 'Khi đó danh sách khóa trong máy đã hết hạn. Xem lại đồng hồ; nếu đúng, hãy mang danh sách khóa hiện hành đến.',
    en: 'By then the keyring in the kiosk has expired. Check the watch; if it is right, bring the current keyring.',
  },
  'time-unrecorded': {
    vi: 'Chưa ghi được vào nhật ký nên giờ chưa đổi. Xem lỗi ổ đĩa, rồi thử lại.',
    en: 'The journal could not record it, so the time is as before. See to the disk, then try again.',
  },
  'time-code-form': { vi: 'Mã giờ bị hỏng hoặc không đúng dạng.', en: 'The time code is damaged, or not written as it should be.' },
  'time-code-signer': { vi: 'Mã giờ không do trung tâm của máy này ký.', en: 'The time code was not signed by the centre of this kiosk.' },
  'time-code-audience': { vi: 'Mã giờ này của máy khác.', en: 'The time code was made for another kiosk.' },
  'time-code-nonce': {
    vi: 'Mã giờ không trả lời câu hỏi của máy này. Quét lại mã liên kết trên trang này.',
    en: 'The time code does not answer a question of this kiosk. Scan the link on this page again.',
  },
  'time-code-old': {
    vi: 'Mã giờ quá hai phút. Quét lại mã liên kết trên trang này.',
    en: 'The time code is over two minutes old. Scan the link on this page again.',
  },
  'time-code-used': { vi: 'Mã giờ này đã dùng rồi.', en: 'The time code was used already.' },
  'time-code-before-floor': {
    vi: 'Mã giờ ghi giờ trước giờ mà trung tâm đã ký lần cuối. Báo cho trung tâm.',
    en: 'The time code is from before the last time that the centre signed. Tell the centre.',
  },
  'time-code-after-keyring': {
    vi: 'Mã giờ ghi giờ sau hạn của danh sách khóa. Mang danh sách khóa hiện hành đến.',
    en: 'The time code is from after the end of the keyring. Bring the current keyring.',
  },
};
