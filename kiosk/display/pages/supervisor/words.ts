/** The supervisor's page in two languages. */
const texts = {
  lost: ['Mất liên lạc với máy làn: số liệu dưới đây đã cũ.', 'No contact with the kiosk: what is below is old.'],
  open: ['Làn đang mở.', 'The lane is open.'],
  closed: ['Làn đóng', 'The lane is closed'],
  camera: ['Camera', 'Camera'],
  picture: ['Hình', 'Picture'],
  brightness: ['sáng', 'light'],
  detail: ['nét', 'detail'],
  screen: ['Màn hình', 'Screen'],
  clock: ['Đồng hồ', 'Clock'],
  slice: ['Dữ liệu', 'Data'],
  journal: ['Nhật ký', 'Journal'],
  today: ['Hôm nay', 'Today'],
  read: ['Đọc mã p50 / p95', 'Read p50 / p95'],
  took: ['Đọc', 'Read'],
  painted: ['đã hiện', 'painted'],
  unpainted: ['chưa hiện', 'not painted'],
  superseded: ['bị thay', 'replaced'],
  pending: ['đang hiện', 'pending'],
  decisions: ['Quyết định gần nhất', 'Last decisions'],
  time: ['Giờ', 'Time'],
  verdict: ['Kết quả', 'Verdict'],
  reason: ['Lý do', 'Reason'],
  action: ['Việc cần làm', 'What to do'],
  code: ['Mã', 'Code'],
  shown: ['Đã hiện', 'Shown'],
  pass: ['Qua', 'Pass'],
  deny: ['Dừng', 'Stop'],
  'see-staff': ['Gặp cán bộ', 'See staff'],
  connected: ['đang hiện', 'shows'],
  missing: ['chưa xác nhận', 'not confirmed'],
  minutes: ['phút', 'min'],
  records: ['bản ghi', 'records'],
  waiting: ['chờ gửi', 'to send'],
  upstream: ['Trung tâm', 'Centre'],
  none: ['không có', 'none'],
  reached: ['đã kết nối', 'connected'],
  unreached: ['mất liên lạc', 'no contact'],
  old: ['cũ', 'old'],
  lanes: ['Làn khác', 'Other lanes'],
  'connected-lanes': ['đã kết nối', 'connected'],
  'double-use': ['Mã đã qua ở làn này cũng qua ở làn', 'A code that passed here also passed at lane'],
} as const;

export type TextName = keyof typeof texts;
export type Language = 'vi' | 'en';

export function say(name: TextName, language: Language): string {
  return texts[name][language === 'vi' ? 0 : 1];
}
