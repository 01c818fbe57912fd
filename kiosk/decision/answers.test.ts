import { expect, it } from 'vitest';
import { testCredential } from '../../fixtures/test-journal.ts';
import { cardDigits, noAnswers, noteCard, noteDecision, waitingFor } from './answers.ts';

const credential = testCredential(1);

it('remembers a card for as long as the screen asks for a travel code', () => {
  const answers = noteCard(noAnswers, '079090123456', 1_000);
  expect(cardDigits(answers, 22_000)).toBe('079090123456');
  expect(cardDigits(answers, 22_001)).toBeUndefined();
});

it('forgets a card with the next travel code', () => {
  const answers = noteDecision(credential, 'k', 'ok', 1_000);
  expect(answers).toBe(noAnswers);
  expect(noteDecision(undefined, 'k', 'sig-invalid', 1_000)).toBe(noAnswers);
});

it('keeps a credential that was asked for a card until the question is over', () => {
  const answers = noteDecision(credential, 'k', 'id-unchecked', 1_000);
  expect(waitingFor(answers, 'card', 22_000)).toMatchObject({ credential, key: 'k' });
  expect(waitingFor(answers, 'card', 22_001)).toBeUndefined();
  expect(waitingFor(answers, 'plate', 1_000)).toBeUndefined();
});

it('keeps a credential whose plate is to be typed for a minute', () => {
  const answers = noteDecision(credential, 'k', 'plate-unchecked', 0);
  expect(waitingFor(answers, 'plate', 60_000)).toBeDefined();
  expect(waitingFor(answers, 'plate', 60_001)).toBeUndefined();
});

it('keeps a waiting credential when a card comes that nobody asked for', () => {
  const answers = noteCard(noteDecision(credential, 'k', 'plate-unchecked', 0), '079090123456', 10);
  expect(waitingFor(answers, 'plate', 20)).toBeDefined();
});
