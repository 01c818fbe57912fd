/** Everything the citizen's screen says, Vietnamese first. */
import type { AskKind, ReadingHint, WordClass } from '../../../decision/citizen-view.ts';
import type { ScreenView } from '../../screen-state.ts';

export interface Phrase {
  readonly vi: string;
  readonly en: string;
}

const phrase = (vi: string, en: string): Phrase => ({ vi, en });

const headlines: Readonly<Record<ScreenView['state'], Phrase>> = {
  idle: phrase('Đưa mã QR vào khung', 'Hold your QR code in the frame'),
  reading: phrase('Đang đọc…', 'Reading…'),
  pass: phrase('MỜI QUA', 'Please go through'),
  deny: phrase('DỪNG LẠI', 'Stop, do not go through'),
  'see-staff': phrase('Mời gặp cán bộ', 'Please see the staff'),
  ask: phrase('Cần thêm một bước', 'One more step'),
  'already-recorded': phrase('Đã ghi nhận', 'Already recorded'),
  done: phrase('Đã xong, mời đi', 'Done, please go on'),
  'out-of-service': phrase('TẠM NGỪNG', 'Out of service'),
};

const CHECKED = phrase('Mã này đã kiểm tra xong', 'This code has been checked');
const FULL = phrase('XIN CHỜ', 'Please wait');
const UNREADABLE = phrase('Chưa đọc được mã', 'We could not read the code');

/** A shop, a pharmacy, a mall: nobody there is an officer, and people come in. */
const venueHeadlines: Partial<typeof headlines> = {
  pass: phrase('MỜI VÀO', 'Please come in'),
  deny: phrase('XIN DỪNG LẠI', 'Please stop'),
  'see-staff': phrase('Mời gặp nhân viên', 'Please see the staff'),
  done: phrase('Đã xong, mời vào', 'Done, please come in'),
};

const classes: Readonly<Record<WordClass, readonly Phrase[]>> = {
  expired: [phrase('Mã đã hết hạn', 'The code has expired')],
  'not-yet-valid': [phrase('Mã chưa có hiệu lực', 'The code is not valid yet')],
  'not-valid-here': [phrase('Mã không dùng được ở đây', 'The code is not valid here')],
  'not-at-this-time': [phrase('Ngoài giờ được phép', 'Not at this hour')],
  full: [phrase('Hiện đã đủ người', 'Full at the moment'), phrase('Mời vào khi có người ra', 'Come in when somebody has left')],
  'already-used': [phrase('Mã đã hết lượt dùng', 'The code was already used')],
  'not-recognised': [phrase('Mã không được công nhận', 'The code is not recognised')],
  'see-staff': [phrase('1. Mời dừng sang bên', '1. Step aside, please'), phrase('2. Cán bộ sẽ giúp', '2. The staff will help')],
  unreadable: [phrase('1. Tăng sáng, lau màn hình', '1. Brighten and wipe the screen'), phrase('2. Mời gặp cán bộ', '2. See the staff')],
};

const venueClasses: Partial<typeof classes> = {
  'see-staff': [phrase('1. Mời dừng sang bên', '1. Step aside, please'), phrase('2. Nhân viên sẽ giúp', '2. The staff will help')],
  unreadable: [phrase('1. Tăng sáng, lau màn hình', '1. Brighten and wipe the screen'), phrase('2. Mời gặp nhân viên', '2. See the staff')],
};

const questions: Readonly<Record<AskKind, Phrase>> = {
  'other-code': phrase('Đây là mã khác. Xin đưa mã đi đường', 'This is another kind of code. Show the travel code'),
  'one-at-a-time': phrase('Xin lần lượt từng người', 'One at a time, please'),
  'show-id': phrase('Xin đưa mã QR trên thẻ căn cước', 'Show the QR code of your ID card'),
};

const hints: Readonly<Record<ReadingHint, Phrase>> = {
  'hold-still': phrase('Giữ yên', 'Hold still'),
  closer: phrase('Đưa gần hơn', 'Closer'),
  further: phrase('Đưa xa hơn', 'Further away'),
  'tilt-less': phrase('Nghiêng ít hơn', 'Tilt it less'),
  brighter: phrase('Tăng sáng màn hình', 'Make the screen brighter'),
  'less-glare': phrase('Tránh bị chói', 'Turn it out of the glare'),
  wipe: phrase('Lau sạch màn hình', 'Wipe the screen clean'),
  'one-at-a-time': phrase('Xin đưa từng mã', 'One code at a time'),
};

const STAFF = phrase('Mời sang bên, gặp cán bộ', 'Step aside, please, and see the staff');
const VENUE_STAFF = phrase('Mời sang bên, gặp nhân viên', 'Step aside, please, and see the staff');

/** The one code that asks something of whoever opened the page. */
const LINK_CODE = 'O-94';
const NEW_LINK = phrase('Cán bộ: mở liên kết mới của máy', 'Staff: open a new link of the kiosk (file display/citizen.token)');

const TIPS = [phrase('Tăng sáng màn hình', 'Screen bright'), phrase('Giữ yên một giây', 'Hold still for a second')];

export function headlineOf(view: ScreenView): Phrase {
  if (view.state === 'see-staff' && view.words === 'unreadable') return UNREADABLE;
  if (view.state === 'done' && view.next === 'staff') return CHECKED;
  if (view.state === 'deny' && view.words === 'full') return FULL;
  return (isVenue(view) ? venueHeadlines[view.state] : undefined) ?? headlines[view.state];
}

function isVenue(view: ScreenView): boolean {
  return 'place' in view && view.place === 'venue';
}

export function detailsOf(view: ScreenView): readonly Phrase[] {
  switch (view.state) {
    case 'idle':
      return TIPS;
    case 'reading':
      return [hints[view.hint]];
    case 'done':
      return view.next === 'go' ? [] : [isVenue(view) ? VENUE_STAFF : STAFF];
    case 'ask':
      return view.ask === undefined ? [] : [questions[view.ask]];
    case 'deny':
    case 'see-staff':
      if (view.words === undefined) return [];
      return (isVenue(view) ? venueClasses[view.words] : undefined) ?? classes[view.words];
    case 'out-of-service':
      return view.code === LINK_CODE ? [NEW_LINK] : [];
    default:
      return [];
  }
}
