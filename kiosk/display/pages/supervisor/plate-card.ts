/** The line in which staff type the plate of the vehicle in the lane. It stands out while a code waits for one. */
import type { StaffMessage, StaffReply } from '../../messages.ts';
import { element } from './element.ts';
import { type Language, say } from './words.ts';

export interface PlateCardView {
  /** Whether the newest decision waits for a plate. */
  show(isAwaited: boolean, language: Language): void;
  hear(reply: StaffReply): void;
}

const REPLY_MS = 10_000;

/** `send` says whether it could. */
export function createPlateCard(send: (message: StaffMessage) => boolean): PlateCardView {
  const form = element('plate-form', HTMLFormElement);
  const field = element('plate', HTMLInputElement);
  const said = element('plate-reply');
  let language: Language = 'vi';
  let hiding: number | undefined;

  const answer = ({ ok, vi, en }: StaffReply) => {
    said.dataset.level = ok ? 'good' : 'bad';
    said.textContent = language === 'vi' ? vi : en;
    said.hidden = false;
    window.clearTimeout(hiding);
    hiding = window.setTimeout(() => {
      said.hidden = true;
    }, REPLY_MS);
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!send({ kind: 'plate', plate: field.value })) answer({ ok: false, vi: say('unsent', 'vi'), en: say('unsent', 'en') });
  });

  return {
    show(isAwaited, shownLanguage) {
      language = shownLanguage;
      form.classList.toggle('awaited', isAwaited);
      element('plate-label').textContent = say('plate', language);
      element('plate-send').textContent = say('enterPlate', language);
    },
    hear(reply) {
      if (reply.ok) field.value = '';
      answer(reply);
    },
  };
}
