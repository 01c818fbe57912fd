/** The login of a network camera: one line `user:password` in a file of its own, kept out of the configuration that others read. */
import { Fault } from '../../config/faults.ts';
import { readTextFile } from '../../config/host/text-file.ts';

/** Throws Fault('camera-missing') where the file cannot be read or holds no login. */
export function readLogin(path: string): string {
  let text: string;
  try {
    text = readTextFile(path);
  } catch (error) {
    throw new Fault('camera-missing', `${path} cannot be read: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  const login = text.replace(/\n$/, '');
  if (!/^[^:\r\n]+:[^\r\n]*$/.test(login)) throw new Fault('camera-missing', `${path} does not hold user:password on one line.`);
  return login;
}
