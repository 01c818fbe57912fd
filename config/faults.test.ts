import { expect, it } from 'vitest';
import { faults } from './faults.ts';

it('every fault has a screen code of its own, by which staff look it up', () => {
  const codes = Object.values(faults).map(({ screenCode }) => screenCode);
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
});
