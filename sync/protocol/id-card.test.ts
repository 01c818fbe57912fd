import { expect, it } from 'vitest';
import { idCardDigits } from './id-card.ts';

it.each([
  ['a citizen card', '079090123456|012345678|A B|01011990|Nam|Số 1, Đường B|10052021'],
  ['a card without an earlier number', '079090123456||A B|01011990|Nữ|Số 1|10052021'],
  ['a card with further fields at its end', '079090123456||A|01011990|Nữ|Số 1|10052021||||'],
  ['a personal code', '079090123456|A B|01/01/1990|CCCD|QID|EXT'],
])('finds the number in %s', (_name, text) => {
  expect(idCardDigits(text)).toBe('079090123456');
});

it.each([
  ['', '079090123456', '07909012345|012345678|A|01011990|Nam|B|10052021', 'x079090123456||A|01011990|Nam|B|10052021'],
  ['079090123456|123|A|01011990|Nam|B|10052021', '079090123456||A|1990|Nam|B|10052021', '079090123456|A', 'CP1:079090123456|||||'],
])('takes %s for no card', (...texts) => {
  for (const text of texts) expect(idCardDigits(text)).toBeUndefined();
});
