/**
 * `checkpoint-kiosk keys ceremony`: what people do with keys, step by step, with the very commands. A test runs them as they
 * stand; words in capitals are for the person to fill in.
 */
import { CommandError, exitCode } from '../command.ts';

export interface CeremonyStep {
  readonly en: string;
  readonly vi: string;
  readonly commands: readonly string[];
}

export interface Ceremony {
  readonly name: string;
  readonly en: string;
  readonly vi: string;
  readonly steps: readonly CeremonyStep[];
}

const CLI = 'checkpoint-kiosk';
const CENTRE = '--store sqlite:store.db --keys keys';

const begin: CeremonyStep = {
  en: 'Offline: begin the next keyring from the one in use. FINGERPRINT is the root that kiosks are pinned to.',
  vi: 'Ngoại tuyến: bắt đầu bộ khóa mới từ bộ đang dùng. FINGERPRINT là dấu vân tay của khóa gốc đã ghim trên máy.',
  commands: [`${CLI} keys keyring new next.json --from keyring.cose --root FINGERPRINT`],
};

const sign: CeremonyStep = {
  en: 'Offline: sign. Read what has changed before you agree. A further root, in other hands, signs with --append next.cose --out next.cose.',
  vi: 'Ngoại tuyến: ký. Đọc kỹ những gì thay đổi trước khi đồng ý. Khóa gốc thứ hai, do người khác giữ, ký thêm bằng --append next.cose --out next.cose.',
  commands: [`${CLI} keys sign --type keyring --key root.key --previous keyring.cose --out next.cose next.json`],
};

const putInPlace: CeremonyStep = {
  en: 'Check it, then put it in the place of keyring.cose at the centre. Kiosks with a line have it within minutes; others get it by stick (carry).',
  vi: 'Kiểm tra rồi thay keyring.cose ở trung tâm. Máy có mạng nhận trong vài phút; máy không có mạng nhận qua USB (carry).',
  commands: [`${CLI} keys check next.cose --root FINGERPRINT`, 'mv next.cose keyring.cose', 'rm next.json'],
};

export const ceremonies: readonly Ceremony[] = [
  {
    name: 'setup',
    en: 'First setup',
    vi: 'Thiết lập lần đầu',
    steps: [
      {
        en: 'Offline, on a machine without a network: make root and release key. Only the .pub files leave this machine.',
        vi: 'Trên máy không nối mạng: tạo khóa gốc và khóa phát hành. Chỉ các tệp .pub được mang ra ngoài.',
        commands: [`${CLI} keys new root.key > root.pub`, `${CLI} keys new release.key > release.pub`],
      },
      {
        en: 'At each issuer: make its key, and bring issuer.pub.',
        vi: 'Tại mỗi nơi cấp: tạo khóa, mang issuer.pub về.',
        commands: [`${CLI} keys new issuer.key > issuer.pub`],
      },
      {
        en: 'At the centre: make its store, once, the online keys, the sealing key and the key of pseudonyms, which never changes. Bring the .pub files and subject.check.',
        vi: 'Tại trung tâm: lập kho dữ liệu (chỉ một lần), tạo các khóa trực tuyến, khóa niêm phong và khóa bí danh (không bao giờ đổi). Mang các tệp .pub và subject.check về.',
        commands: [
          `${CLI} store init sqlite:store.db`,
          `for name in slice feed receipt fleet config; do ${CLI} keys new keys/$name.key > $name.pub; done`,
          `${CLI} keys new --sealing keys/sealing.key > sealing.pub`,
          `${CLI} keys new keys/subject.key > /dev/null`,
          `${CLI} keys subject-check keys/subject.key > subject.check`,
        ],
      },
      {
        en: 'Offline: write the keyring. Name classes and areas of each issuer, and pin the subject key: a code of another one finds nobody.',
        vi: 'Ngoại tuyến: lập bộ khóa. Ghi rõ loại và khu vực của từng nơi cấp, và ghim khóa bí danh: mã tạo bằng khóa khác sẽ không tra ra ai.',
        commands: [
          `${CLI} keys keyring new next.json --root root.pub --release release.pub --slice slice.pub --feed feed.pub --receipt receipt.pub --fleet fleet.pub --config config.pub --sealing sealing.pub`,
          `${CLI} keys keyring add-issuer next.json issuer.pub --classes travel-permit,shipper --areas 79`,
          `${CLI} keys keyring subject-key next.json subject.check`,
        ],
      },
      {
        en: "Offline: sign keyring and policy (policy.json is the authority's).",
        vi: 'Ngoại tuyến: ký bộ khóa và chính sách (policy.json do cơ quan ban hành).',
        commands: [
          `${CLI} keys sign --type keyring --key root.key --out keyring.cose next.json`,
          `${CLI} keys sign --type policy --key release.key --out policy.cose policy.json`,
        ],
      },
      {
        en: 'Check both. FINGERPRINT stands in root.pub; it goes into keyring.root of every kiosk. Then lock root.key and release.key away, two copies in two places.',
        vi: 'Kiểm tra cả hai. FINGERPRINT nằm trong root.pub và được ghi vào keyring.root của mọi máy. Sau đó cất giữ root.key và release.key, hai bản ở hai nơi.',
        commands: [
          `${CLI} keys check keyring.cose --root FINGERPRINT`,
          `${CLI} keys check policy.cose --keyring keyring.cose --root FINGERPRINT`,
          'rm next.json',
        ],
      },
    ],
  },
  {
    name: 'issuer',
    en: 'A new issuer',
    vi: 'Thêm nơi cấp mới',
    steps: [
      {
        en: 'At the issuer: make its key, and bring issuer-new.pub.',
        vi: 'Tại nơi cấp: tạo khóa, mang issuer-new.pub về.',
        commands: [`${CLI} keys new issuer-new.key > issuer-new.pub`],
      },
      begin,
      {
        en: 'Offline: add it, with no more classes and areas than it needs.',
        vi: 'Ngoại tuyến: thêm nơi cấp, chỉ với loại và khu vực cần thiết.',
        commands: [`${CLI} keys keyring add-issuer next.json issuer-new.pub --classes duty --areas 79`],
      },
      sign,
      putInPlace,
    ],
  },
  {
    name: 'retire',
    en: 'An issuer stops: its codes count for their time, new ones do not',
    vi: 'Ngừng một nơi cấp: mã đã cấp còn giá trị đến hạn, mã mới thì không',
    steps: [
      begin,
      {
        en: 'Offline: retire its key as of now (or --at TIME).',
        vi: 'Ngoại tuyến: cho khóa nghỉ từ bây giờ (hoặc --at THỜI-ĐIỂM).',
        commands: [`${CLI} keys keyring retire-issuer next.json KID`],
      },
      sign,
      putInPlace,
    ],
  },
  {
    name: 'revoke',
    en: "An issuer's key is stolen: none of its codes counts any more",
    vi: 'Khóa của nơi cấp bị lộ: mọi mã của khóa đó mất giá trị',
    steps: [
      {
        en: 'At the centre, at once: kill the key. Kiosks with a line refuse its codes within seconds; this cannot be taken back.',
        vi: 'Tại trung tâm, ngay lập tức: hủy khóa. Máy có mạng từ chối mã trong vài giây; không thể hoàn tác.',
        commands: [`${CLI} registry kill-key KID ${CENTRE} --keyring keyring.cose --root FINGERPRINT`],
      },
      begin,
      {
        en: 'Offline: revoke it for good.',
        vi: 'Ngoại tuyến: thu hồi vĩnh viễn.',
        commands: [`${CLI} keys keyring revoke-issuer next.json KID`],
      },
      sign,
      putInPlace,
    ],
  },
  {
    name: 'online-key',
    en: 'Exchange an online key: slice, feed, receipt, fleet or config (here: feed), every 90 days or when it is stolen',
    vi: 'Đổi khóa trực tuyến: slice, feed, receipt, fleet hoặc config (ví dụ: feed), mỗi 90 ngày hoặc khi bị lộ',
    steps: [
      {
        en: 'At the centre: make the new key beside the old one, and bring feed-new.pub.',
        vi: 'Tại trung tâm: tạo khóa mới bên cạnh khóa cũ, mang feed-new.pub về.',
        commands: [`${CLI} keys new feed-new.key > feed-new.pub`],
      },
      begin,
      {
        en: 'Offline: list both. If the old one is stolen, list the new one alone and leave out the last two steps.',
        vi: 'Ngoại tuyến: ghi cả hai khóa. Nếu khóa cũ bị lộ, chỉ ghi khóa mới và bỏ hai bước cuối.',
        commands: [`${CLI} keys keyring set-role next.json feed feed.pub feed-new.pub`],
      },
      sign,
      putInPlace,
      {
        en: 'At the centre: when `kiosk list` shows the new keyring everywhere, put the new key in place and start the service anew.',
        vi: 'Tại trung tâm: khi `kiosk list` cho thấy mọi máy đã có bộ khóa mới, thay khóa và khởi động lại dịch vụ.',
        commands: ['mv keys/feed.key feed-old.key', 'mv feed-new.key keys/feed.key', `${CLI} kiosk list --store sqlite:store.db`],
      },
      {
        en: 'Offline: the same once more with the new key alone, so that the old one ends; then destroy feed-old.key. A release key: sign the policy anew with it.',
        vi: 'Ngoại tuyến: làm lại chỉ với khóa mới để khóa cũ hết hiệu lực, rồi hủy feed-old.key. Với khóa phát hành: ký lại chính sách bằng khóa mới.',
        commands: [
          `${CLI} keys keyring new next.json --from keyring.cose --root FINGERPRINT`,
          `${CLI} keys keyring set-role next.json feed feed-new.pub`,
          `${CLI} keys sign --type keyring --key root.key --previous keyring.cose --out keyring.cose next.json`,
          'mv feed-new.pub feed.pub',
          'rm next.json feed-old.key',
        ],
      },
    ],
  },
  {
    name: 'sealing',
    en: 'Exchange the sealing key, every month',
    vi: 'Đổi khóa niêm phong, mỗi tháng',
    steps: [
      {
        en: 'At the centre: make the new key beside the old ones, which stay to open what was sealed to them; start the service anew, so that it has both.',
        vi: 'Tại trung tâm: tạo khóa mới bên cạnh các khóa cũ (giữ lại để mở dữ liệu cũ); khởi động lại dịch vụ để có cả hai.',
        commands: [`${CLI} keys new --sealing keys/sealing-2.key > sealing-2.pub`],
      },
      begin,
      {
        en: 'Offline: name the new one.',
        vi: 'Ngoại tuyến: ghi khóa mới.',
        commands: [`${CLI} keys keyring set-sealing next.json sealing-2.pub`],
      },
      sign,
      putInPlace,
    ],
  },
  {
    name: 'subject-key',
    en: 'Pin the subject key in a keyring that does not name it yet',
    vi: 'Ghim khóa bí danh vào bộ khóa chưa ghi khóa này',
    steps: [
      {
        en: "At the centre: print the key's check value, which is no secret, and bring subject.check. First bring kiosks, centre and issuers to this version, in this order, and wait seven days: once it is pinned, kiosks pass no code that does not state the key.",
        vi: 'Tại trung tâm: in giá trị kiểm tra của khóa (không phải bí mật) và mang subject.check về. Trước đó lần lượt nâng cấp các máy, trung tâm và các nơi cấp rồi chờ bảy ngày: sau khi ghim, máy không cho qua mã không ghi khóa.',
        commands: [`${CLI} keys subject-check keys/subject.key > subject.check`],
      },
      begin,
      {
        en: 'Offline: pin it.',
        vi: 'Ngoại tuyến: ghim khóa.',
        commands: [`${CLI} keys keyring subject-key next.json subject.check`],
      },
      sign,
      putInPlace,
    ],
  },
  {
    name: 'tls',
    en: "Pin the centre's TLS key, or exchange it: kiosks know the new one before it is shown",
    vi: 'Ghim hoặc đổi khóa TLS của trung tâm: các máy biết khóa mới trước khi trung tâm dùng',
    steps: [
      {
        en: 'At the centre: make the new key and its certificate beside the ones in use (tls.key, tls.pem), and print both pins. Bring tls.pin and tls-new.pin. A certificate that is only renewed keeps its key, and its pin: then nothing is to be done.',
        vi: 'Tại trung tâm: tạo khóa và chứng thư mới bên cạnh bản đang dùng (tls.key, tls.pem), in giá trị ghim của cả hai. Mang tls.pin và tls-new.pin về. Nếu chỉ gia hạn chứng thư với khóa cũ thì giá trị ghim giữ nguyên, không cần làm gì.',
        commands: [
          "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj '/CN=centre' -keyout tls-new.key -out tls-new.pem",
          `${CLI} keys tls-pin tls.pem > tls.pin`,
          `${CLI} keys tls-pin tls-new.pem > tls-new.pin`,
        ],
      },
      begin,
      {
        en: 'Offline: pin both.',
        vi: 'Ngoại tuyến: ghim cả hai.',
        commands: [`${CLI} keys keyring pin next.json tls.pin tls-new.pin`],
      },
      sign,
      putInPlace,
      {
        en: 'At the centre: when `kiosk list` shows the new keyring everywhere, put the new certificate in place and start the service anew. A kiosk that does not have it yet is locked out until a stick brings it (carry).',
        vi: 'Tại trung tâm: khi `kiosk list` cho thấy mọi máy đã có bộ khóa mới, thay chứng thư và khởi động lại dịch vụ. Máy chưa có bộ khóa mới sẽ không kết nối được cho đến khi nhận qua USB (carry).',
        commands: [`${CLI} kiosk list --store sqlite:store.db`, 'mv tls-new.pem tls.pem', 'mv tls-new.key tls.key'],
      },
      {
        en: 'Offline: the same once more, without the old pin.',
        vi: 'Ngoại tuyến: làm lại, bỏ giá trị ghim cũ.',
        commands: [
          `${CLI} keys keyring new next.json --from keyring.cose --root FINGERPRINT`,
          `${CLI} keys keyring pin next.json tls.pin --remove`,
          `${CLI} keys sign --type keyring --key root.key --previous keyring.cose --out keyring.cose next.json`,
          'mv tls-new.pin tls.pin',
          'rm next.json',
        ],
      },
    ],
  },
  {
    name: 'root',
    en: 'Exchange the root: every few years, or when one may be stolen',
    vi: 'Đổi khóa gốc: vài năm một lần, hoặc khi có thể bị lộ',
    steps: [
      {
        en: 'Offline: make the new root.',
        vi: 'Ngoại tuyến: tạo khóa gốc mới.',
        commands: [`${CLI} keys new root-new.key > root-new.pub`],
      },
      begin,
      {
        en: 'Offline: add the new root, and take out the old one. KID is the id of the old root.',
        vi: 'Ngoại tuyến: thêm khóa gốc mới, bỏ khóa gốc cũ. KID là mã của khóa gốc cũ.',
        commands: [`${CLI} keys keyring add-root next.json root-new.pub`, `${CLI} keys keyring remove-root next.json KID`],
      },
      {
        en: 'Offline: both sign, the old one for the last time. The file keeps what leads from the old root to the new one.',
        vi: 'Ngoại tuyến: cả hai khóa cùng ký, khóa cũ lần cuối. Tệp giữ lại chuỗi dẫn từ khóa cũ sang khóa mới.',
        commands: [`${CLI} keys sign --type keyring --key root.key --key root-new.key --previous keyring.cose --out next.cose next.json`],
      },
      {
        en: 'Check it with the old pin: kiosks keep theirs and need no visit. New kiosks are given the fingerprint in root-new.pub. Then put it in place.',
        vi: 'Kiểm tra bằng dấu vân tay cũ: các máy giữ nguyên, không cần đến tận nơi. Máy mới dùng dấu vân tay trong root-new.pub. Sau đó đưa vào sử dụng.',
        commands: [
          `${CLI} keys check next.cose --root FINGERPRINT`,
          'mv next.cose keyring.cose',
          'mv root-new.key root.key',
          'rm next.json',
        ],
      },
    ],
  },
];

/** One of them, or all, for people to read; `json`: one object a line. */
export function printCeremonies(name: string | undefined, json: boolean): void {
  const chosen = name === undefined ? ceremonies : ceremonies.filter((ceremony) => ceremony.name === name);
  if (chosen.length === 0) {
    throw new CommandError(exitCode.usage, `there is no ceremony ${name}: ${ceremonies.map((ceremony) => ceremony.name).join(', ')}`);
  }
  const text = json ? chosen.map((one) => `${JSON.stringify(one)}\n`).join('') : `${chosen.map(pageOf).join('\n')}${NOTE}`;
  process.stdout.write(text);
}

function pageOf({ name, en, vi, steps }: Ceremony): string {
  const parts = steps.map((step, index) => {
    const commands = step.commands.map((command) => `       $ ${command}`).join('\n');
    return `  ${index + 1}. ${step.vi}\n     ${step.en}\n${commands}\n`;
  });
  return `${name}: ${vi}\n${' '.repeat(name.length + 2)}${en}\n${parts.join('')}`;
}

const NOTE = `
Lệnh ký luôn hiển thị thay đổi và hỏi trước khi ký; --yes để không hỏi. Tệp khóa có quyền 0600 và không bao giờ bị ghi đè.
Signing always says what changes and asks; --yes does not ask. Key files have mode 0600 and are never overwritten.
`;
