/** The login of a network camera: one line `user:password` in a file of its own, kept out of the configuration that others read. */
import { readFileSync } from 'node:fs';
import { Fault } from '../../config/faults.ts';

/** Throws Fault('camera-missing') where the file cannot be read or holds no login. */
export function readLogin(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Fault('camera-missing', `${path} cannot be read.`, { cause: error });
  }
  const login = text.replace(/\r?\n$/, '');
  if (!/^[^:\r\n]+:[^\r\n]*$/.test(login)) throw new Fault('camera-missing', `${path} does not hold user:password.`);
  return login;
}
