import { expect, it } from 'vitest';
import { listsRefused } from './lists-refused.ts';

it('is named by the fault that a loop says, and by no other failure', () => {
  expect(listsRefused('store-mismatch: the slice is of store a', undefined)).toBe('store-mismatch');
  expect(listsRefused(undefined, 'slice-loss: slice 7 has 0 of 9 holds')).toBe('slice-loss');
  expect(listsRefused('HTTP 503: Too much at once', 'connect ECONNREFUSED')).toBeUndefined();
});
