/**
 * The one table of operating faults: what went wrong, the code on the citizen's screen while it closes the lane (a `W-nn`
 * closes none and stands in the log), and what the operator does next, in both languages. A fault is handled by a loop (retried with bounds, shown, logged); it is never an Outcome.
 */
export interface FaultEntry {
  /** Shown as `O-nn` while the lane is out of service. */
  readonly screenCode: string;
  readonly summary: string;
  /** What the operator does next. */
  readonly action: string;
  readonly summaryVi: string;
  readonly actionVi: string;
}

export const faults = {
  starting: {
    screenCode: 'O-01',
    summary: 'The kiosk is starting.',
    action: 'Wait a few seconds.',
    summaryVi: 'Máy đang khởi động.',
    actionVi: 'Chờ vài giây.',
  },
  stopping: {
    screenCode: 'O-02',
    summary: 'The kiosk is stopping.',
    action: 'Start it again when its work is done.',
    summaryVi: 'Máy đang dừng.',
    actionVi: 'Khởi động lại khi xong việc.',
  },
  'native-module-missing': {
    screenCode: 'O-04',
    summary: 'A package of this program is missing, or was built for another Node or another machine.',
    action:
      'In the folder of the program, with the very Node that runs it: npm ci; or, for the package that the log names, npm rebuild (npm rebuild better-sqlite3). Disk and data are not to blame.',
    summaryVi: 'Thiếu một gói của chương trình, hoặc gói được dựng cho bản Node hay máy khác.',
    actionVi:
      'Trong thư mục chương trình, dùng đúng bản Node chạy máy này: npm ci; hoặc npm rebuild gói mà nhật ký nêu tên (npm rebuild better-sqlite3). Lỗi không nằm ở ổ đĩa hay dữ liệu.',
  },
  'camera-missing': {
    screenCode: 'O-10',
    summary: 'The camera cannot be opened.',
    action: 'Check cable, power, address and password of the camera; the kiosk keeps trying.',
    summaryVi: 'Không mở được camera.',
    actionVi: 'Kiểm tra dây, nguồn, địa chỉ và mật khẩu của camera; máy tự thử lại.',
  },
  'camera-no-frame': {
    screenCode: 'O-11',
    summary: 'The camera was opened and sends no picture.',
    action: 'Check that the camera streams; the kiosk restarts the reader by itself.',
    summaryVi: 'Camera đã mở nhưng không có hình.',
    actionVi: 'Kiểm tra luồng hình của camera; máy tự mở lại.',
  },
  'camera-stalled': {
    screenCode: 'O-12',
    summary: 'The camera stopped sending pictures.',
    action: 'Check cable and network; the kiosk restarts the reader by itself.',
    summaryVi: 'Camera ngừng gửi hình.',
    actionVi: 'Kiểm tra dây và mạng; máy tự mở lại.',
  },
  'ffmpeg-missing': {
    screenCode: 'O-13',
    summary: 'ffmpeg was not found or does not start.',
    action: 'Install ffmpeg 4.3 or newer, or set camera.ffmpegPath.',
    summaryVi: 'Không tìm thấy ffmpeg hoặc không chạy được.',
    actionVi: 'Cài ffmpeg 4.3 trở lên, hoặc đặt camera.ffmpegPath.',
  },
  'camera-settings': {
    screenCode: 'O-14',
    summary: 'The camera refuses the settings, or its picture has another size than configured.',
    action: 'Compare camera.widthPx and camera.heightPx with what the camera offers.',
    summaryVi: 'Camera không nhận thiết lập, hoặc luồng hình không dùng được.',
    actionVi: 'So sánh camera.widthPx và camera.heightPx với khả năng của camera.',
  },
  'camera-frozen': {
    screenCode: 'O-15',
    summary: 'The camera sends the same picture again and again.',
    action: 'Switch the camera off and on; the kiosk opens it anew by itself.',
    summaryVi: 'Camera gửi mãi một hình.',
    actionVi: 'Tắt rồi bật lại camera; máy tự mở lại.',
  },
  'camera-black': {
    screenCode: 'O-16',
    summary: 'The picture of the camera is black.',
    action: 'Take the cap off the lens, switch on the light.',
    summaryVi: 'Hình từ camera tối đen.',
    actionVi: 'Tháo nắp ống kính, bật đèn.',
  },
  'camera-washed-out': {
    screenCode: 'O-17',
    summary: 'The picture of the camera is white: too much light falls into the lens.',
    action: 'Turn the camera away from the sun or lamp, or shade it.',
    summaryVi: 'Hình từ camera trắng xóa: quá nhiều ánh sáng vào ống kính.',
    actionVi: 'Xoay camera tránh mặt trời hoặc đèn, hoặc che nắng.',
  },
  'camera-covered': {
    screenCode: 'O-18',
    summary: 'Something covers the camera.',
    action: 'Take away what is in front of the lens; wipe the lens.',
    summaryVi: 'Camera bị che.',
    actionVi: 'Bỏ vật che trước ống kính; lau ống kính.',
  },
  'camera-out-of-focus': {
    screenCode: 'O-19',
    summary: 'The picture of the camera is blurred.',
    action: 'Wipe the lens; set its focus to where codes are held (camera tune).',
    summaryVi: 'Hình từ camera bị mờ.',
    actionVi: 'Lau ống kính; chỉnh nét đúng chỗ đưa mã (camera tune).',
  },
  'camera-controls': {
    screenCode: 'W-01',
    summary: 'A control of the camera (focus, exposure, mains frequency) could not be set.',
    action: 'See the log for which one and why; camera tune shows what the camera has. The lane stays open.',
    summaryVi: 'Không chỉnh được một thông số của camera (nét, phơi sáng, tần số điện).',
    actionVi: 'Xem nhật ký để biết thông số nào và vì sao; camera tune cho biết camera có gì. Làn vẫn mở.',
  },
  'camera-login-visible': {
    screenCode: 'W-02',
    summary: 'This ffmpeg takes the login of the camera on its command line only, where other users of the PC can read it.',
    action: 'Install ffmpeg 5.0 or newer.',
    summaryVi: 'Bản ffmpeg này chỉ nhận mật khẩu camera trên dòng lệnh, người dùng khác của máy đọc được.',
    actionVi: 'Cài ffmpeg 5.0 trở lên.',
  },
  'camera-name-unsteady': {
    screenCode: 'W-03',
    summary: 'The camera is named by a number that another camera may get after it was unplugged.',
    action: 'Take the name that camera list gives, under /dev/v4l.',
    summaryVi: 'Camera được gọi bằng số, số này có thể thành của camera khác sau khi rút ra.',
    actionVi: 'Dùng tên mà camera list cho biết, trong /dev/v4l.',
  },
  'upstream-pin': {
    screenCode: 'W-20',
    summary: 'The centre shows a TLS key that the keyring does not pin: nothing is sent to it, and nothing is believed.',
    action:
      'Compare both values in the log with `keys tls-pin` at the centre. Put the pinned certificate back, or sign a keyring with the new pin and bring it by stick (carry).',
    summaryVi: 'Trung tâm dùng khóa TLS mà bộ khóa không ghim: máy không gửi và không tin gì từ đó.',
    actionVi:
      'So hai giá trị trong nhật ký với `keys tls-pin` tại trung tâm. Đặt lại chứng thư đã ghim, hoặc ký bộ khóa có giá trị ghim mới rồi mang đến bằng USB (carry).',
  },
  'peers-refused': {
    screenCode: 'W-10',
    summary: 'A connection between lanes was refused.',
    action: 'See the log for which lane and why. Where it says peer-generation both lanes need the current list from the centre.',
    summaryVi: 'Một kết nối giữa các làn bị từ chối.',
    actionVi: 'Xem nhật ký để biết làn nào và vì sao. Nếu ghi peer-generation, cả hai làn cần danh sách mới từ trung tâm.',
  },
  'peers-flooding': {
    screenCode: 'W-11',
    summary: 'Another lane reports more passes than there can be, and is not listened to for a while.',
    action: 'Look at that lane; the centre can revoke its kiosk. This lane stays open.',
    summaryVi: 'Một làn khác báo nhiều lượt qua bất thường, tạm thời không nghe làn đó.',
    actionVi: 'Kiểm tra làn đó; trung tâm có thể thu hồi máy. Làn này vẫn mở.',
  },
  'peers-unwritable': {
    screenCode: 'W-12',
    summary: 'What other lanes report cannot be stored or read.',
    action: 'Check the disk of the data folder. The lane stays open and does not know what passed at the others.',
    summaryVi: 'Không ghi hoặc đọc được tin của các làn khác.',
    actionVi: 'Kiểm tra ổ đĩa của thư mục dữ liệu. Làn vẫn mở nhưng không biết lượt qua ở làn khác.',
  },
  'peers-port-busy': {
    screenCode: 'W-13',
    summary: 'The port for the other lanes cannot be had.',
    action: 'Stop the other program, or set peers.port and peers.address; the kiosk keeps trying.',
    summaryVi: 'Không mở được cổng dành cho các làn khác.',
    actionVi: 'Dừng chương trình kia, hoặc đặt peers.port và peers.address; máy tự thử lại.',
  },
  'peers-list-invalid': {
    screenCode: 'W-14',
    summary: 'The list of the other lanes is not signed for this kiosk, is older than one seen before, or has expired.',
    action: 'Let the kiosk reach the centre, or bring its list on a stick. The lane stays open.',
    summaryVi: 'Danh sách các làn khác không được ký cho máy này, cũ hơn bản đã có, hoặc đã hết hạn.',
    actionVi: 'Cho máy kết nối trung tâm, hoặc mang danh sách đến bằng thẻ nhớ. Làn vẫn mở.',
  },
  'double-use': {
    screenCode: 'W-15',
    summary: 'A code passed at two lanes while they were apart.',
    action: 'Look up both crossings; the centre has an alarm with their numbers.',
    summaryVi: 'Một mã đã qua ở hai làn khi các làn mất liên lạc.',
    actionVi: 'Tra cứu cả hai lượt qua; trung tâm có cảnh báo kèm số của chúng.',
  },
  'camera-denied': {
    screenCode: 'O-80',
    summary: 'The browser does not let the citizen page use the camera.',
    action: 'Allow the camera for the address of the page (policy VideoCaptureAllowedUrls); the page keeps trying.',
    summaryVi: 'Trình duyệt không cho trang người dân dùng camera.',
    actionVi: 'Cho phép camera với địa chỉ của trang (VideoCaptureAllowedUrls); trang tự thử lại.',
  },
  'camera-page-absent': {
    screenCode: 'O-81',
    summary: "No citizen page sends its camera's pictures.",
    action: 'Open the citizen page in the browser of the kiosk; the page keeps trying.',
    summaryVi: 'Không có trang người dân nào gửi hình từ camera.',
    actionVi: 'Mở trang người dân trong trình duyệt của máy; trang tự thử lại.',
  },
  'camera-malformed': {
    screenCode: 'O-82',
    summary: 'The citizen page sent something that is no picture.',
    action: 'Reload the citizen page. If it repeats, find out which program connects to the kiosk.',
    summaryVi: 'Trang người dân gửi dữ liệu không phải hình.',
    actionVi: 'Tải lại trang người dân. Nếu lặp lại, tìm xem chương trình nào kết nối tới máy.',
  },
  'decoder-failed': {
    screenCode: 'O-20',
    summary: 'No decoder could be started.',
    action: 'Reinstall the program: npm ci.',
    summaryVi: 'Không khởi động được bộ đọc mã.',
    actionVi: 'Cài lại chương trình: npm ci.',
  },
  'decoder-stuck': {
    screenCode: 'O-21',
    summary: 'The decoder did not answer in time and was restarted.',
    action: 'Nothing, unless it repeats: then report it.',
    summaryVi: 'Bộ đọc mã không trả lời kịp và đã được khởi động lại.',
    actionVi: 'Không cần làm gì; nếu lặp lại thì báo kỹ thuật.',
  },
  'decoder-silent': {
    screenCode: 'O-22',
    summary: 'The camera sends pictures, and none was decoded in time for two seconds.',
    action:
      'Wait a moment: it usually ends by itself. If it stays, this PC is too slow or too busy: end its other programs, or set a smaller picture.',
    summaryVi: 'Camera vẫn gửi hình nhưng đã hai giây bộ đọc mã không xử lý kịp hình nào.',
    actionVi:
      'Chờ một lát, thường sẽ tự hết. Nếu vẫn còn, máy này quá chậm hoặc quá tải: tắt bớt chương trình khác, hoặc giảm cỡ hình của camera.',
  },
  'clock-untrusted': {
    screenCode: 'O-30',
    summary: "The machine's clock jumped, or lies before the newest signed statement.",
    action:
      "Compare date and time on the supervisor's page with a watch and confirm them there, or show a time code of the centre to the camera; the lane opens by itself. Then set the clock of the PC.",
    summaryVi: 'Đồng hồ của máy bị nhảy, hoặc chậm hơn văn bản đã ký mới nhất.',
    actionVi:
      'So ngày giờ trên trang giám sát với đồng hồ của bạn rồi xác nhận tại đó, hoặc đưa mã giờ của trung tâm vào camera; làn tự mở. Sau đó chỉnh đồng hồ của máy.',
  },
  'slice-missing': {
    screenCode: 'O-40',
    summary: 'The registry slice or its key cannot be read.',
    action: 'Put the slice, its manifest and its key where slice.file and slice.keyFile say; the kiosk opens them by itself.',
    summaryVi: 'Không đọc được dữ liệu đăng ký hoặc khóa của nó.',
    actionVi: 'Đặt dữ liệu, bản kê và khóa vào chỗ đã cấu hình; máy tự mở.',
  },
  'slice-corrupt': {
    screenCode: 'O-41',
    summary: 'The registry slice is not the one that was signed.',
    action: 'Fetch the slice again; the kiosk opens it by itself.',
    summaryVi: 'Dữ liệu đăng ký không phải bản đã ký.',
    actionVi: 'Lấy lại dữ liệu; máy tự mở.',
  },
  'slice-subject-key': {
    screenCode: 'O-48',
    summary: 'The registry slice was made with another subject key than the keyring pins: nobody would be found in it.',
    action:
      "At the centre, compare the subject key with the keyring's pin (keys subject-check) and publish anew; the kiosk opens by itself.",
    summaryVi: 'Danh sách được tạo bằng khóa bí danh khác với khóa ghi trong bộ khóa: tra cứu sẽ không thấy ai.',
    actionVi: 'Tại trung tâm, so khóa bí danh với bộ khóa (keys subject-check) rồi phát hành lại danh sách; máy tự mở.',
  },
  'slice-stale': {
    screenCode: 'O-42',
    summary: 'The registry slice is older than the policy allows.',
    action: "Bring a newer slice; the kiosk opens it by itself. If the supervisor's page shows a wrong date, confirm the right one there.",
    summaryVi: 'Dữ liệu đăng ký cũ hơn mức cho phép.',
    actionVi: 'Mang dữ liệu mới đến; máy tự mở. Nếu trang giám sát hiện sai ngày, xác nhận ngày đúng tại đó.',
  },
  'slice-rollback': {
    screenCode: 'O-43',
    summary: 'The registry slice is older than one seen before.',
    action: 'Find out who put an old slice there; bring a newer one.',
    summaryVi: 'Dữ liệu đăng ký cũ hơn bản đã có.',
    actionVi: 'Tìm hiểu ai đã đặt bản cũ; mang bản mới đến.',
  },
  'slice-key-mismatch': {
    screenCode: 'O-44',
    summary: 'The registry slice was made with another row key than the one that lies here: nobody would be found in it.',
    action: 'Connect the kiosk, or bring slice and key together on a stick; the kiosk fetches the right key by itself.',
    summaryVi: 'Khóa tra cứu ở máy này không phải khóa của dữ liệu đăng ký; tra cứu sẽ không thấy ai.',
    actionVi: 'Nối mạng cho máy, hoặc mang dữ liệu cùng khóa đến bằng thẻ nhớ; máy tự lấy đúng khóa.',
  },
  'slice-outdated': {
    screenCode: 'O-45',
    summary: 'The registry slice was made by an earlier version of the centre, which does not say which key it needs.',
    action: 'Update the centre; the kiosk fetches its new slice by itself.',
    summaryVi: 'Dữ liệu đăng ký do bản trung tâm cũ tạo ra, không cho biết cần khóa nào.',
    actionVi: 'Cập nhật trung tâm; máy tự lấy dữ liệu mới.',
  },
  'store-mismatch': {
    screenCode: 'O-46',
    summary: 'These lists are of another store of the centre than the one that this kiosk is enrolled with.',
    action:
      'At the centre see whether the right store is open (--store). If the store was made anew on purpose: kiosk add at the centre, then enrol this kiosk again.',
    summaryVi: 'Dữ liệu này thuộc kho khác, không phải kho trung tâm mà máy đã ghi danh.',
    actionVi:
      'Ở trung tâm, xem có mở đúng kho không (--store). Nếu chủ ý lập kho mới: chạy kiosk add ở trung tâm, rồi ghi danh lại máy này.',
  },
  'store-set-back': {
    screenCode: 'O-49',
    summary: 'The store of the centre was set back to a backup: its newer list lacks holds that were made since.',
    action: 'At the centre bring in again what is missing since the backup, then: registry publish --accept-set-back.',
    summaryVi: 'Kho trung tâm đã bị đưa về bản sao lưu cũ: danh sách mới thiếu các lệnh giữ lập sau đó.',
    actionVi: 'Ở trung tâm, nhập lại những gì thiếu kể từ bản sao lưu, rồi chạy registry publish --accept-set-back.',
  },
  'slice-loss': {
    screenCode: 'O-58',
    summary: 'The newer registry slice has lost many of the holds of the one in use.',
    action:
      'At the centre see whether the registry is whole (overview, registry import). If so many were really released: registry publish --accept-loss.',
    summaryVi: 'Dữ liệu đăng ký mới mất nhiều lệnh giữ so với bản đang dùng.',
    actionVi:
      'Ở trung tâm, xem dữ liệu đăng ký có đầy đủ không (trang tổng quan, registry import). Nếu đúng là đã gỡ nhiều như vậy: registry publish --accept-loss.',
  },
  'slice-changed': {
    screenCode: 'O-47',
    summary: 'The file of the registry slice was changed or taken away while it was in use.',
    action:
      'Find out who or what writes to it, and check the disk. A kiosk with a line fetches the slice anew by itself; else put a whole one in its place.',
    summaryVi: 'Tệp dữ liệu đăng ký bị sửa hoặc bị xóa trong lúc đang dùng.',
    actionVi:
      'Tìm xem ai hoặc chương trình nào ghi vào tệp, và kiểm tra ổ đĩa. Nếu có mạng, máy tự tải lại; nếu không, đặt lại bản đầy đủ.',
  },
  'list-changed': {
    screenCode: 'O-57',
    summary: 'A signed list or the key of the slice was changed in place, cut or taken away while it was in use.',
    action: 'The log names the file. Put the right one back; the kiosk opens by itself. Find out who or what changed it.',
    summaryVi: 'Một danh sách đã ký hoặc khóa của dữ liệu bị sửa, bị cắt hoặc bị xóa trong lúc đang dùng.',
    actionVi: 'Nhật ký ghi tên tệp. Đặt lại bản đúng; máy tự mở. Tìm xem ai hoặc chương trình nào đã sửa.',
  },
  'keyring-invalid': {
    screenCode: 'O-50',
    summary: 'The keyring cannot be read, or the pinned root did not sign it.',
    action: 'Compare keyring.file and keyring.root with what was provisioned. The user of the kiosk must be able to read the file.',
    summaryVi: 'Không đọc được danh sách khóa, hoặc khóa gốc không ký nó.',
    actionVi: 'So sánh keyring.file và keyring.root với bản được cấp. Tài khoản chạy máy phải có quyền đọc tệp.',
  },
  'trust-list-expired': {
    screenCode: 'O-51',
    summary: 'The keyring has expired.',
    action: "Bring the current keyring. If the supervisor's page shows a wrong date, confirm the right one there.",
    summaryVi: 'Danh sách khóa đã hết hạn.',
    actionVi: 'Mang danh sách khóa hiện hành đến. Nếu trang giám sát hiện sai ngày, xác nhận ngày đúng tại đó.',
  },
  'keys-stale': {
    screenCode: 'O-55',
    summary: 'The list of keys is older than the policy allows.',
    action: 'Connect the kiosk, or bring the current keyring.',
    summaryVi: 'Danh sách khóa cũ hơn mức cho phép.',
    actionVi: 'Nối mạng cho máy, hoặc mang danh sách khóa hiện hành đến.',
  },
  'keyring-rollback': {
    screenCode: 'O-52',
    summary: 'The keyring is older than one seen before.',
    action: 'Find out who put an old keyring there; bring the current one.',
    summaryVi: 'Danh sách khóa cũ hơn bản đã có.',
    actionVi: 'Tìm hiểu ai đã đặt bản cũ; mang bản hiện hành đến.',
  },
  'policy-invalid': {
    screenCode: 'O-53',
    summary: 'The policy cannot be read, has expired, or the release key did not sign it.',
    action: 'Bring the current policy.',
    summaryVi: 'Không đọc được chính sách, đã hết hạn, hoặc chữ ký không đúng.',
    actionVi: 'Mang chính sách hiện hành đến.',
  },
  'policy-golden': {
    screenCode: 'O-56',
    summary: 'The policy does not do what its own golden cases say; it was not activated.',
    action: 'Run `policy check` on it and have it mended and signed again.',
    summaryVi: 'Chính sách không cho kết quả như các ví dụ của chính nó; chưa được áp dụng.',
    actionVi: 'Chạy `policy check` với chính sách đó, sửa và ký lại.',
  },
  'policy-rollback': {
    screenCode: 'O-54',
    summary: 'The policy is older than one seen before.',
    action: 'Find out who put an old policy there; bring the current one.',
    summaryVi: 'Chính sách cũ hơn bản đã có.',
    actionVi: 'Tìm hiểu ai đã đặt bản cũ; mang bản hiện hành đến.',
  },
  'journal-unwritable': {
    screenCode: 'O-60',
    summary: 'Crossings cannot be recorded: the disk refuses to write.',
    action: 'Check the disk and the rights of the data folder; the kiosk keeps trying.',
    summaryVi: 'Không ghi được lượt qua: ổ đĩa từ chối ghi.',
    actionVi: 'Kiểm tra ổ đĩa và quyền của thư mục dữ liệu; máy tự thử lại.',
  },
  'disk-full': {
    screenCode: 'O-61',
    summary: 'The disk is full: crossings cannot be recorded.',
    action: 'Free space on the disk of the data folder; the kiosk goes on by itself.',
    summaryVi: 'Ổ đĩa đầy: không ghi được lượt qua.',
    actionVi: 'Giải phóng ổ đĩa của thư mục dữ liệu; máy tự chạy tiếp.',
  },
  'journal-corrupt': {
    screenCode: 'O-62',
    summary: 'The journal was changed or damaged.',
    action: 'Keep the data folder as evidence, then provision a new one.',
    summaryVi: 'Nhật ký đã bị sửa hoặc hỏng.',
    actionVi: 'Giữ thư mục dữ liệu làm bằng chứng, rồi cấp thư mục mới.',
  },
  'journal-busy': {
    screenCode: 'O-63',
    summary: 'Another process holds the data folder.',
    action: 'Stop the other kiosk that uses this data folder.',
    summaryVi: 'Tiến trình khác đang giữ thư mục dữ liệu.',
    actionVi: 'Dừng máy làn kia đang dùng thư mục này.',
  },
  'data-changed': {
    screenCode: 'O-64',
    summary: 'The state of the kiosk was deleted, replaced or cut on the disk while the kiosk ran.',
    action: 'Nothing: the kiosk writes it anew and opens by itself. Find out who or what did it, and check the disk.',
    summaryVi: 'Tệp trạng thái của máy bị xóa, bị thay hoặc bị cắt trong lúc máy chạy.',
    actionVi: 'Không cần làm gì: máy ghi lại và tự mở. Tìm xem ai hoặc chương trình nào đã làm, và kiểm tra ổ đĩa.',
  },
  'state-damaged': {
    screenCode: 'O-66',
    summary: 'The state of the kiosk (versions and time that it must not go back behind) is damaged or missing.',
    action:
      'Put state.db back from a backup of this kiosk; or make a token at the centre (kiosk add) and run enrol on this kiosk, which begins a new state and fetches all lists anew.',
    summaryVi: 'Tệp trạng thái (phiên bản và thời gian mà máy không được lùi lại) bị hỏng hoặc bị mất.',
    actionVi:
      'Chép lại state.db từ bản sao lưu của máy này; hoặc tạo mã ghi danh ở trung tâm (kiosk add) rồi chạy enrol trên máy này: máy lập trạng thái mới và tải lại mọi danh sách.',
  },
  'kiosk-key-damaged': {
    screenCode: 'O-73',
    summary: 'The key that makes this PC this kiosk is damaged or missing.',
    action:
      'Put keys/kiosk.key back from a backup. Without one keep the data folder as evidence, set dataDir to a new folder and enrol the PC anew.',
    summaryVi: 'Khóa nhận dạng của máy này bị hỏng hoặc bị mất.',
    actionVi:
      'Chép lại keys/kiosk.key từ bản sao lưu. Nếu không có, giữ thư mục dữ liệu làm bằng chứng, đặt dataDir sang thư mục mới rồi ghi danh lại.',
  },
  'reuse-key-damaged': {
    screenCode: 'O-74',
    summary: 'The key by which earlier passes are known is damaged or missing.',
    action: 'Put keys/reuse.key back from a backup; or enrol this kiosk again: it then makes a new key and does not know earlier passes.',
    summaryVi: 'Khóa dùng để nhận ra các lượt qua trước bị hỏng hoặc bị mất.',
    actionVi: 'Chép lại keys/reuse.key từ bản sao lưu; hoặc ghi danh lại máy này: máy tạo khóa mới và không còn biết các lượt qua trước.',
  },
  'sealing-key-damaged': {
    screenCode: 'O-75',
    summary: 'The key to which the centre seals what it sends to this kiosk is damaged or missing.',
    action: 'Put keys/sealing.key back from a backup; or enrol this kiosk again: it then makes a new key.',
    summaryVi: 'Khóa để mở dữ liệu trung tâm gửi cho máy bị hỏng hoặc bị mất.',
    actionVi: 'Chép lại keys/sealing.key từ bản sao lưu; hoặc ghi danh lại máy này: máy tạo khóa mới.',
  },
  'feed-damaged': {
    screenCode: 'O-67',
    summary: 'The urgent news of the centre (holds and revocations since the list) was damaged or deleted on this disk.',
    action: 'Nothing with a line: the kiosk asks for all of it again. Check the disk.',
    summaryVi: 'Dữ liệu cập nhật khẩn (lệnh giữ, thu hồi sau bản dữ liệu) bị hỏng hoặc bị xóa.',
    actionVi: 'Nếu có mạng thì không cần làm gì: máy tự hỏi lại toàn bộ. Kiểm tra ổ đĩa.',
  },
  'feed-rebuilding': {
    screenCode: 'O-68',
    summary: 'Holds and revocations that this kiosk had heard of are missing, and are being fetched again.',
    action:
      'Connect the kiosk to the centre, or bring a slice that was built after the damage (carry); the lane opens by itself. Where such a slice does not open it, only a line does.',
    summaryVi: 'Thiếu các lệnh giữ và thu hồi máy đã nhận; đang tải lại.',
    actionVi:
      'Nối mạng tới trung tâm, hoặc mang dữ liệu được lập sau khi hỏng đến (carry); làn tự mở. Nếu đã có dữ liệu mới mà làn vẫn đóng thì phải nối mạng.',
  },
  'remote-config-damaged': {
    screenCode: 'W-23',
    summary: 'The options that the centre has set cannot be read or believed any more.',
    action: 'The kiosk runs with its own file until the centre sends them again. Check the disk if it repeats.',
    summaryVi: 'Không đọc hoặc không tin được các tùy chọn trung tâm đã đặt.',
    actionVi: 'Máy chạy theo tệp của mình cho đến khi trung tâm gửi lại. Nếu lặp lại, kiểm tra ổ đĩa.',
  },
  'lists-unwritable': {
    screenCode: 'W-22',
    summary: 'The kiosk may not write into the folder of its lists: newer ones cannot be put there.',
    action:
      'Leave keyring.file, policy.file and slice.* out of the configuration (they then lie under dataDir), or let the user of the kiosk write there.',
    summaryVi: 'Máy không được ghi vào thư mục chứa danh sách: không đặt được bản mới.',
    actionVi:
      'Bỏ keyring.file, policy.file và slice.* khỏi cấu hình (khi đó danh sách nằm trong dataDir), hoặc cấp quyền ghi cho người dùng chạy máy.',
  },
  'journal-gone': {
    screenCode: 'O-65',
    summary: 'The journal, or the whole data folder, was deleted, replaced or cut while the kiosk ran, or since it last ran.',
    action:
      'Find out who or what did it, and check disk and mount of the data folder. What could be saved goes on in a new journal; what is lost is on record, and the centre has an alarm.',
    summaryVi: 'Nhật ký hoặc cả thư mục dữ liệu bị xóa, bị thay hoặc bị cắt.',
    actionVi:
      'Tìm xem ai hoặc chương trình nào đã làm, kiểm tra ổ đĩa và điểm gắn của thư mục dữ liệu. Phần cứu được chuyển sang nhật ký mới; phần mất đã được ghi lại và trung tâm đã có cảnh báo.',
  },
  'not-enrolled': {
    screenCode: 'O-71',
    summary: 'This kiosk is not enrolled at its centre, so it gets no lists.',
    action:
      'Ask the centre for a token (kiosk add), then run: checkpoint-kiosk enrol --config FILE --token-file FILE. The kiosk goes on by itself.',
    summaryVi: 'Máy này chưa ghi danh với trung tâm nên không nhận được dữ liệu.',
    actionVi:
      'Xin trung tâm mã ghi danh (kiosk add), rồi chạy: checkpoint-kiosk enrol --config TỆP --token-file TỆP. Sau đó máy tự chạy tiếp.',
  },
  'identity-mismatch': {
    screenCode: 'O-72',
    summary: 'The configuration names another kiosk, checkpoint or lane than the certificate of this kiosk.',
    action:
      'Set kioskId, checkpointId and lane as in the certificate. To move the kiosk, ask the centre for a token of the new place and enrol with it.',
    summaryVi: 'Tên máy, chốt hoặc làn trong tệp cấu hình khác với giấy chứng nhận của máy.',
    actionVi:
      'Sửa kioskId, checkpointId và lane cho đúng giấy chứng nhận. Muốn chuyển máy sang chỗ khác, xin trung tâm mã ghi danh cho chỗ mới rồi ghi danh lại.',
  },
  'certificate-invalid': {
    screenCode: 'O-77',
    summary: 'The certificate of this kiosk cannot be read, is damaged, is for another key, or was not signed by the centre.',
    action:
      'Where the log says that it cannot be read: give keys/certificate.cose back to the user of the kiosk (chown); the lane opens by itself. Else ask the centre for a token and enrol again. Find out who changed the data folder.',
    summaryVi: 'Không đọc được giấy chứng nhận của máy, hoặc giấy bị hỏng, thuộc khóa khác, không do trung tâm ký.',
    actionVi:
      'Nếu nhật ký ghi là không đọc được: trả keys/certificate.cose về cho tài khoản chạy máy (chown), làn tự mở. Nếu không: xin trung tâm mã ghi danh rồi ghi danh lại. Kiểm tra xem ai đã thay đổi thư mục dữ liệu.',
  },
  'kiosk-revoked': {
    screenCode: 'O-70',
    summary: 'The centre has revoked this kiosk.',
    action: 'Ask the centre why. To use the PC again, empty its data folder and enrol it anew.',
    summaryVi: 'Trung tâm đã thu hồi máy này.',
    actionVi: 'Hỏi trung tâm lý do. Muốn dùng lại, xóa thư mục dữ liệu rồi ghi danh mới.',
  },
  'display-port-busy': {
    screenCode: 'O-92',
    summary: 'The port of the screen is taken.',
    action: 'Stop the other program, or set display.port.',
    summaryVi: 'Cổng của màn hình đã bị dùng.',
    actionVi: 'Dừng chương trình kia, hoặc đặt display.port.',
  },
  'display-absent': {
    screenCode: 'O-91',
    summary: 'No citizen screen is connected, or it does not confirm what it shows.',
    action: 'Open the citizen page in the browser of the kiosk.',
    summaryVi: 'Chưa có màn hình người dân, hoặc màn hình không xác nhận.',
    actionVi: 'Mở trang người dân trong trình duyệt của máy.',
  },
  'page-link-stale': {
    screenCode: 'O-94',
    summary: 'The link of this page is old or incomplete.',
    action: 'Get a new link from the kiosk: restart its browser, or open the new link.',
    summaryVi: 'Liên kết của trang này đã cũ hoặc bị thiếu.',
    actionVi: 'Lấy liên kết mới từ máy làn: khởi động lại trình duyệt của máy, hoặc mở liên kết mới.',
  },
  'page-link-reused': {
    screenCode: 'O-95',
    summary: 'The link of this page was used before, so all its pages were ended: somebody else may have it.',
    action: 'Get a new link from the kiosk: restart its browser, or open the new link. If nobody here opened it twice, call the centre.',
    summaryVi: 'Liên kết của trang này đã được dùng trước đó, nên mọi trang cùng loại đã bị ngắt: có thể người khác đang giữ nó.',
    actionVi:
      'Lấy liên kết mới từ máy làn: khởi động lại trình duyệt của máy, hoặc mở liên kết mới. Nếu không ai ở đây mở hai lần, báo trung tâm.',
  },
  'store-unusable': {
    screenCode: 'U-01',
    summary: "Upstream's store cannot be opened.",
    action: 'Check the path, its rights and the disk.',
    summaryVi: 'Không mở được kho dữ liệu trung tâm.',
    actionVi: 'Kiểm tra đường dẫn, quyền và ổ đĩa.',
  },
  'store-exposed': {
    screenCode: 'U-07',
    summary: 'A file of the centre is readable by other users, and its mode cannot be changed.',
    action: 'Run the centre as the owner of its files, or give them mode 0600 and their folders 0700.',
    summaryVi: 'Người dùng khác đọc được tệp của trung tâm, và không đổi được quyền của tệp.',
    actionVi: 'Chạy trung tâm bằng tài khoản sở hữu các tệp, hoặc đặt quyền 0600 cho tệp, 0700 cho thư mục.',
  },
  'store-missing': {
    screenCode: 'U-04',
    summary: 'There is no store of the centre in this place.',
    action: 'Check the path, and that its disk is mounted. Only for a new centre: make one with `store init`.',
    summaryVi: 'Không có kho dữ liệu trung tâm ở chỗ này.',
    actionVi: 'Kiểm tra đường dẫn và ổ đĩa đã gắn chưa. Chỉ khi lập trung tâm mới: tạo kho bằng `store init`.',
  },
  'store-unknown': {
    screenCode: 'U-05',
    summary: 'This file is no store of the centre.',
    action: 'Check the path. Make a store with `store init` in a place where no file lies.',
    summaryVi: 'Tệp này không phải kho dữ liệu trung tâm.',
    actionVi: 'Kiểm tra đường dẫn. Tạo kho bằng `store init` ở chỗ chưa có tệp.',
  },
  'store-unnamed': {
    screenCode: 'U-06',
    summary: 'This store was made by an earlier version and has no identity.',
    action: 'Stop the centre, copy the file, then give the store an identity: `store init --adopt`.',
    summaryVi: 'Kho này do bản cũ tạo ra, chưa có định danh.',
    actionVi: 'Dừng trung tâm, sao lưu tệp, rồi cấp định danh cho kho: `store init --adopt`.',
  },
  'upstream-keys': {
    screenCode: 'U-02',
    summary: 'A key of upstream is missing, or it is another one than the keyring or the store knows.',
    action: 'Compare the key folder with the keyring (keys show, keys subject-check, inspect).',
    summaryVi: 'Thiếu khóa của trung tâm, hoặc khóa không phải khóa mà bộ khóa hay kho dữ liệu ghi nhận.',
    actionVi: 'So sánh thư mục khóa với bộ khóa (keys show, keys subject-check, inspect).',
  },
  'upstream-port-busy': {
    screenCode: 'U-03',
    summary: 'Upstream cannot listen at this address.',
    action: 'Stop the other program, or choose another address or port.',
    summaryVi: 'Trung tâm không mở được cổng này.',
    actionVi: 'Dừng chương trình kia, hoặc chọn địa chỉ hay cổng khác.',
  },
  'holder-port-busy': {
    screenCode: 'H-01',
    summary: "The holder's page cannot be served at this address.",
    action: 'Stop the other program, or choose another address or port.',
    summaryVi: 'Không mở được cổng cho trang của người dân.',
    actionVi: 'Dừng chương trình kia, hoặc chọn địa chỉ hay cổng khác.',
  },
  'holder-page-missing': {
    screenCode: 'H-02',
    summary: "The files of the holder's page are missing from this installation.",
    action: 'Install the program anew, or run npm run build.',
    summaryVi: 'Bản cài đặt thiếu tệp của trang người dân.',
    actionVi: 'Cài lại chương trình, hoặc chạy npm run build.',
  },
} as const satisfies Record<string, FaultEntry>;

export type FaultCode = keyof typeof faults;

/** The one class of operating faults. `detail` is for the operator: no secrets, no code texts. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly detail: string | undefined;

  constructor(code: FaultCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? faults[code].summary : `${faults[code].summary} ${detail}`, options);
    this.name = 'Fault';
    this.code = code;
    this.detail = detail;
  }
}
