/**
 * Every reason that a decision can have, once: its place in the order of checks, its verdict, what the citizen's screen
 * says, and what staff do next. Kiosk, upstream, log, record, screens and documents all use these names.
 */
import { credentialReasons } from '../credential/reasons.ts';

export const verdicts = ['pass', 'deny', 'see-staff'] as const;
export type Verdict = (typeof verdicts)[number];

/**
 * What a decision is counted as, wherever decisions are counted. "Already recorded" asks nothing of staff, and the citizen saw
 * a neutral screen: it is counted by itself, though its record says see-staff.
 */
export const countedVerdicts = [...verdicts, 'already-recorded'] as const;
export type CountedVerdict = (typeof countedVerdicts)[number];

export function countedVerdict<V extends string>({ verdict, reason }: { readonly verdict: V; readonly reason: string }) {
  return reason === 'already-recorded' ? reason : verdict;
}

/** In the order in which the checks run: the first that fails is the reason. */
export const reasonOrder = [
  // What was held up, before any credential was read.
  'unreadable',
  'several-codes',
  ...credentialReasons,
  // What the registry, the checkpoint and the record of earlier crossings say about a credential that holds.
  'revoked',
  'status-hold',
  // Nobody was found, and nobody could be: the code's pseudonym was made with another key than the rows.
  'subject-key-mismatch',
  'area-not-permitted',
  'class-not-permitted',
  'direction-not-permitted',
  'hours-not-permitted',
  'curfew',
  'plate-mismatch',
  'id-mismatch',
  'already-recorded',
  'anti-passback',
  'uses-exhausted',
  'venue-full',
  // What keeps a good credential from passing unattended here and now.
  'clock-untrusted',
  'clock-unknown',
  'slice-stale',
  'slice-rollback',
  'keys-stale',
  'class-restricted',
  'trust-list-expired',
  // What only a person can settle.
  'paper-needs-staff',
  'plate-unchecked',
  'id-unchecked',
  'id-matched',
  // What other lanes say: it changes nothing but a pass.
  'used-elsewhere',
  'ok',
] as const;
export type Reason = (typeof reasonOrder)[number];

/** Classes of words on the citizen's screen: never the reason itself. */
export type ReasonWords =
  | 'expired'
  | 'not-yet-valid'
  | 'not-valid-here'
  | 'not-at-this-time'
  | 'full'
  | 'already-used'
  | 'not-recognised'
  | 'see-staff'
  | 'unreadable';

export interface ReasonEntry {
  readonly verdict: Verdict;
  /** State of the citizen's screen. */
  readonly screen: 'pass' | 'deny' | 'see-staff' | 'ask' | 'already-recorded';
  readonly words?: ReasonWords;
  readonly ask?: 'other-code' | 'one-at-a-time' | 'show-id';
  /** `D-nn` or `S-nn` on the screen. Unrelated reasons share S-10, so that it tells no bystander anything. */
  readonly code?: string;
  readonly vi: string;
  readonly en: string;
  readonly actionVi: string;
  readonly actionEn: string;
}

interface Words {
  readonly vi: string;
  readonly en: string;
  readonly actionVi: string;
  readonly actionEn: string;
}

const deny = (code: string, words: ReasonWords, text: Words): ReasonEntry => ({ verdict: 'deny', screen: 'deny', words, code, ...text });
/** All of these look, sound and last the same: see the test that compares them. */
const seeStaff = (text: Words): ReasonEntry => ({ verdict: 'see-staff', screen: 'see-staff', words: 'see-staff', code: 'S-10', ...text });
const ask = (kind: NonNullable<ReasonEntry['ask']>, text: Words): ReasonEntry => ({
  verdict: 'see-staff',
  screen: 'ask',
  ask: kind,
  ...text,
});

const words = (vi: string, en: string, actionVi: string, actionEn: string): Words => ({ vi, en, actionVi, actionEn });

const NEW_CODE = ['Đề nghị người dân tạo mã mới.', 'Ask for a newly issued code.'] as const;
const NOT_GENUINE = ['Không cho qua; mã không do cơ quan cấp phát hành.', 'Do not let through: no issuer made this code.'] as const;
const OPEN_APP = [
  'Đề nghị mở mã trực tiếp trong ứng dụng, không dùng ảnh chụp.',
  'Ask for the live code in the app, not a picture of it.',
] as const;
const OTHER_WAY = ['Hướng dẫn lộ trình hoặc đổi giấy phép.', 'Explain the route or a change of permit.'] as const;
const BRING_TIME = [
  'Kiểm tra thủ công. Xác nhận ngày giờ trên trang giám sát, hoặc đưa mã giờ của trung tâm vào camera.',
  "Check by hand. Confirm date and time on the supervisor's page, or show a time code of the centre to the camera.",
] as const;
const COMPARE_CARD = ['Đối chiếu giấy tờ tùy thân.', 'Compare the identity card.'] as const;

const malformed = deny('D-40', 'not-recognised', words('Mã bị hỏng hoặc sai cấu trúc', 'The code is damaged or malformed', ...NEW_CODE));
const forged = deny('D-41', 'not-recognised', words('Chữ ký của mã không đúng', 'The signature of the code does not hold', ...NOT_GENUINE));
const badClaims = deny('D-42', 'not-recognised', words('Nội dung mã không hợp lệ', 'The content of the code is not valid', ...NEW_CODE));
const issuerUnknown = deny('D-43', 'not-recognised', words('Không rõ nơi cấp mã', 'The issuer of the code is not known', ...NOT_GENUINE));
const liveCode = deny('D-30', 'not-valid-here', words('Bản sao của mã ứng dụng', 'A copy of an app code', ...OPEN_APP));
const liveProof = deny(
  'D-31',
  'not-recognised',
  words('Bằng chứng của thiết bị không đúng', "The device's proof does not hold", ...OPEN_APP),
);
const clockDrift = seeStaff(
  words(
    'Mã ứng dụng không đúng lúc',
    'The app code is from another time',
    'Kiểm tra giờ của điện thoại; đề nghị mở lại mã.',
    "Check the phone's clock; ask to reopen the code.",
  ),
);

export const reasons: Readonly<Record<Reason, ReasonEntry>> = {
  unreadable: {
    verdict: 'see-staff',
    screen: 'see-staff',
    words: 'unreadable',
    code: 'S-01',
    ...words(
      'Chưa đọc được mã',
      'The code could not be read',
      'Giúp người dân đưa mã; nếu không được, kiểm tra giấy tờ.',
      'Help to hold the code; else check the papers.',
    ),
  },
  'several-codes': ask(
    'one-at-a-time',
    words('Nhiều mã cùng lúc', 'Several codes at once', 'Đề nghị từng người một.', 'Ask for one person at a time.'),
  ),
  'prefix-unknown': ask(
    'other-code',
    words(
      'Không phải mã đi đường',
      'Not a travel code',
      'Đề nghị đưa mã đi đường; nếu không có, kiểm tra giấy tờ.',
      'Ask for the travel code; without one, check the papers.',
    ),
  ),
  'qr-too-long': malformed,
  'b45-char': malformed,
  'b45-length': malformed,
  'b45-overflow': malformed,
  'cbor-truncated': malformed,
  'cbor-trailing': malformed,
  'cbor-non-canonical': malformed,
  'cbor-indefinite': malformed,
  'cbor-dup-key': malformed,
  'cbor-key-order': malformed,
  'cbor-key-type': malformed,
  'cbor-utf8': malformed,
  'cbor-type': malformed,
  'cbor-int-range': malformed,
  'cbor-tag': malformed,
  'cbor-depth': malformed,
  'cbor-malformed': malformed,
  'pop-shape': malformed,
  'cose-tag': malformed,
  'cose-shape': malformed,
  'cose-unprotected': malformed,
  'cose-alg-missing': malformed,
  'cose-alg-unsupported': malformed,
  'cose-header-unknown': malformed,
  'kid-invalid': malformed,
  'kid-unknown': issuerUnknown,
  'kid-revoked': deny('D-44', 'not-recognised', words('Khóa của nơi cấp đã bị thu hồi', "The issuer's key was revoked", ...NEW_CODE)),
  'kid-retired': deny('D-45', 'expired', words('Khóa của nơi cấp đã hết hạn dùng', "The issuer's key is retired", ...NEW_CODE)),
  'sig-length': forged,
  'sig-s-range': forged,
  'sig-r-invalid': forged,
  'sig-invalid': forged,
  'claim-unknown': badClaims,
  'claim-missing': badClaims,
  'claim-type': badClaims,
  'claim-range': badClaims,
  'issuer-not-authorized': deny(
    'D-46',
    'not-valid-here',
    words('Nơi cấp không có quyền cấp loại mã này', 'The issuer may not issue this kind of code', ...NOT_GENUINE),
  ),
  'validity-range': badClaims,
  'not-yet-valid': deny(
    'D-11',
    'not-yet-valid',
    words(
      'Mã chưa có hiệu lực',
      'The code is not valid yet',
      'Xem ngày bắt đầu với người dân.',
      'Look at the first day of validity together.',
    ),
  ),
  expired: deny('D-10', 'expired', words('Mã đã hết hạn', 'The code has expired', ...NEW_CODE)),
  'declaration-future': deny(
    'D-13',
    'not-yet-valid',
    words('Giờ khai báo y tế ở tương lai', 'The health declaration lies in the future', ...NEW_CODE),
  ),
  'declaration-stale': deny(
    'D-12',
    'expired',
    words(
      'Khai báo y tế đã quá hạn',
      'The health declaration is too old',
      'Đề nghị khai báo y tế lại.',
      'Ask for a new health declaration.',
    ),
  ),
  'static-copy-of-app': liveCode,
  'pop-unexpected': liveProof,
  'pop-step-old': clockDrift,
  'pop-step-future': clockDrift,
  'pop-key-invalid': liveProof,
  'pop-invalid': liveProof,
  revoked: deny(
    'D-20',
    'not-valid-here',
    words(
      'Mã đã bị thu hồi',
      'The code was revoked',
      'Không cho qua; hướng dẫn liên hệ nơi cấp.',
      'Do not let through; name the issuer to contact.',
    ),
  ),
  'status-hold': seeStaff(
    words(
      'Cần cán bộ kiểm tra trạng thái',
      'Staff must check the status',
      'Mời sang bên, giữ khoảng cách, xem hồ sơ.',
      'Ask to step aside, keep distance, look up the case.',
    ),
  ),
  'subject-key-mismatch': seeStaff(
    words(
      'Mã tạo bằng khóa bí danh khác, không tra cứu được người này',
      'Made with another subject key: this person cannot be looked up',
      'Kiểm tra danh sách theo giấy tờ tùy thân; báo nơi cấp mã.',
      'Check the lists by the identity card; tell the issuer of the code.',
    ),
  ),
  'area-not-permitted': deny(
    'D-21',
    'not-valid-here',
    words('Mã không dùng được ở khu vực này', 'The code is not valid in this area', ...OTHER_WAY),
  ),
  'class-not-permitted': deny(
    'D-23',
    'not-valid-here',
    words('Loại mã này không được qua ở đây', 'This kind of code does not pass here', ...OTHER_WAY),
  ),
  'direction-not-permitted': deny(
    'D-24',
    'not-valid-here',
    words('Loại mã này không được qua theo chiều này', 'This kind of code does not pass in this direction', ...OTHER_WAY),
  ),
  'hours-not-permitted': deny(
    'D-25',
    'not-at-this-time',
    words(
      'Ngoài giờ được phép của loại mã này',
      'Outside the hours of this kind of code',
      'Cho biết giờ được qua.',
      'Say at what hours it passes.',
    ),
  ),
  curfew: deny(
    'D-26',
    'not-at-this-time',
    words(
      'Đang trong giờ giới nghiêm',
      'It is curfew',
      'Hướng dẫn quay về; việc khẩn cấp thì kiểm tra giấy tờ.',
      'Send home; check the papers in an emergency.',
    ),
  ),
  'plate-mismatch': seeStaff(
    words('Biển số không khớp', 'The plate does not match', 'Đối chiếu biển số với giấy phép.', 'Compare the plate with the permit.'),
  ),
  'id-mismatch': seeStaff(words('Giấy tờ không khớp mã', 'The card does not match the code', ...COMPARE_CARD)),
  'already-recorded': {
    verdict: 'see-staff',
    screen: 'already-recorded',
    ...words('Đã ghi nhận lượt này', 'This crossing is already recorded', 'Không cần làm gì.', 'Nothing to do.'),
  },
  'anti-passback': seeStaff(words('Mã vừa được dùng', 'The code was used a short time ago', ...COMPARE_CARD)),
  'uses-exhausted': deny('D-22', 'already-used', words('Mã đã hết lượt', 'The code has no uses left', ...NEW_CODE)),
  'used-elsewhere': seeStaff(words('Mã vừa được dùng ở làn khác', 'The code was just used at another lane', ...COMPARE_CARD)),
  'venue-full': deny(
    'D-50',
    'full',
    words(
      'Đã đủ số người bên trong',
      'As many people inside as are allowed',
      'Mời chờ đến khi có người ra.',
      'Ask to wait until somebody leaves.',
    ),
  ),
  'clock-untrusted': seeStaff(words('Đồng hồ của máy không tin được', "The kiosk's clock cannot be trusted", ...BRING_TIME)),
  'clock-unknown': seeStaff(words('Đồng hồ của máy chưa được xác nhận', "The kiosk's clock is not confirmed", ...BRING_TIME)),
  'slice-stale': seeStaff(
    words('Dữ liệu quá cũ', 'The data is too old', 'Kiểm tra thủ công; cập nhật dữ liệu.', 'Check by hand; update the data.'),
  ),
  'slice-rollback': seeStaff(
    words(
      'Dữ liệu cũ hơn bản đã có',
      'The data is older than what was here before',
      'Kiểm tra thủ công; báo kỹ thuật.',
      'Check by hand; call the operator.',
    ),
  ),
  'keys-stale': seeStaff(
    words(
      'Danh sách khóa quá cũ',
      'The list of keys is too old',
      'Kiểm tra thủ công; cập nhật dữ liệu.',
      'Check by hand; update the data.',
    ),
  ),
  'class-restricted': seeStaff(
    words('Dữ liệu cũ: loại mã này cần cán bộ', 'Old data: this class needs staff', 'Kiểm tra thủ công.', 'Check by hand.'),
  ),
  'trust-list-expired': seeStaff(
    words(
      'Danh sách khóa đã hết hạn',
      'The keyring has expired',
      'Kiểm tra thủ công; cập nhật khóa.',
      'Check by hand; update the keyring.',
    ),
  ),
  'paper-needs-staff': seeStaff(words('Mã giấy của loại này cần cán bộ', 'A paper code of this kind needs staff', ...COMPARE_CARD)),
  'plate-unchecked': seeStaff(
    words(
      'Chưa kiểm tra biển số',
      'The plate was not checked',
      'Nhập biển số ở trang giám sát, hoặc đối chiếu với giấy phép.',
      "Enter the plate on the supervisor's page, or compare it with the permit.",
    ),
  ),
  'id-unchecked': ask(
    'show-id',
    words(
      'Cần xem giấy tờ tùy thân',
      'The identity card is asked for',
      'Đề nghị đưa mã QR trên thẻ căn cước.',
      'Ask for the QR code on the identity card.',
    ),
  ),
  'id-matched': seeStaff(
    words(
      'Số thẻ khớp mã; cần đối chiếu ảnh',
      'The card number fits the code; compare the photo',
      'Đối chiếu ảnh trên thẻ rồi cho qua.',
      'Compare the photo on the card, then let pass.',
    ),
  ),
  ok: { verdict: 'pass', screen: 'pass', ...words('Hợp lệ', 'Valid', '', '') },
};

const places: ReadonlyMap<string, number> = new Map(reasonOrder.map((reason, place) => [reason, place]));

/** Place in the order of checks, 0 first. */
export function precedence(reason: Reason): number {
  return places.get(reason) ?? reasonOrder.length;
}
