/** What staff say on the supervisor's page, each to whom it concerns, with the answer that the page shows. */
import type { PlateKeypad } from './decision/plate-keypad.ts';
import type { StaffReply } from './display/messages.ts';
import type { StaffHandler } from './display/staff-channel.ts';
import type { TimeDesk } from './time-desk.ts';

const PLATE_TAKEN: StaffReply = {
  ok: true,
  vi: 'Đã nhận biển số cho xe đang ở làn, trong một phút.',
  en: 'Taken for the vehicle that stands in the lane, for a minute.',
};
const NO_PLATE: StaffReply = {
  ok: false,
  vi: 'Đây không phải biển số: cần 5 đến 10 chữ và số, ví dụ 59C1 12345.',
  en: 'This is no plate: 5 to 10 letters and digits, such as 59C1 12345.',
};

export function createStaffDesk(time: TimeDesk, plates: PlateKeypad): StaffHandler {
  return (message) => {
    if (message.kind === 'confirm-time') return time.confirm(message.atMs);
    return plates.enter(message.plate) ? PLATE_TAKEN : NO_PLATE;
  };
}
