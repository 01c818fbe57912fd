/** A code whose pseudonym was made with another key finds nobody: it must not pass for that. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { createSimulatedHost, SIMULATED_START_MS } from '../../fixtures/simulated-host.ts';
import { fromHex } from '../../sync/credential/bytes.ts';
import { keyringSchema } from '../../sync/credential/keyring-body.ts';
import { parseEnvelopes, parsePayload, signStatement } from '../../sync/credential/statement.ts';
import { sliceManifestSchema } from '../../sync/protocol/slice.ts';
import { subjectKeyCheck, subjectPseudonym } from '../../sync/protocol/tags.ts';
import { openRegistry, type Registry } from './registry.ts';

let folder = '';
let registry: Registry | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'subject-key-test-'));
});
afterEach(() => {
  registry?.close();
  rmSync(folder, { recursive: true, force: true });
});

const key = (name: string) => fromHex(readFileSync(join(folder, name), 'utf8').trim());

/** Changes a statement in place, under a signature that holds. */
function rewrite(name: string, role: string, change: Record<string, unknown>): void {
  const file = join(folder, name);
  const envelopes = parseEnvelopes(readFileSync(file, 'utf8'));
  const type = name === 'keyring.cose' ? 'keyring' : 'slice-manifest';
  const schema = type === 'keyring' ? keyringSchema : sliceManifestSchema;
  const body = envelopes.ok ? parsePayload(envelopes.value[0], schema) : envelopes;
  if (!body.ok) throw new Error(body.reason);
  const next = { ...body.value, version: body.value.version + 1, ...change };
  writeFileSync(file, `${signStatement(type, next, key(role))}\n`);
}

function setUp(pinSubjectKey: boolean) {
  const host = createSimulatedHost(1);
  const kit = createDemoKit({ folder, nowMs: SIMULATED_START_MS, demo: true, pinSubjectKey, config: {} }, host.random);
  const path = (name: string) => join(folder, name);
  const open = () => {
    registry?.close();
    registry = openRegistry(
      {
        files: {
          keyring: path('keyring.cose'),
          root: kit.upstream.root,
          policy: path('policy.cose'),
          slice: { database: path('slice.db'), manifest: path('slice.manifest.cose'), key: path('slice.key') },
        },
        floor: { get: () => undefined, raise: () => undefined },
        audiences: [],
        allowDemo: true,
      },
      host,
    );
    return registry;
  };
  const own = key('upstream-keys/subject.key');
  const [, heldId = ''] = /\n(\d{12}),/.exec(readFileSync(kit.registry.csv, 'utf8')) ?? [];
  /** The held person, by a code that another key has made. */
  const lookup = (made: Uint8Array, states: boolean) =>
    open()
      .content()
      ?.slice.lookup({
        cti: new Uint8Array(8),
        subject: subjectPseudonym(made, heldId),
        ...(states && { subjectKeyCheck: subjectKeyCheck(made) }),
      });
  return { host, own, lookup, open };
}

const OTHER = new Uint8Array(32).fill(9);

describe('a code of another subject key', () => {
  it('is told from one of the right key, under which the held person is found', () => {
    const { own, lookup } = setUp(true);
    expect(lookup(own, true)).toMatchObject({ status: 'F0', otherSubjectKey: false });
    expect(lookup(OTHER, true)).toMatchObject({ status: 'clear', otherSubjectKey: true });
  });

  it('is told from it where the keyring pins nothing and the slice states its key', () => {
    const { own, lookup } = setUp(false);
    expect(lookup(own, true)).toMatchObject({ status: 'F0', otherSubjectKey: false });
    expect(lookup(OTHER, true)).toMatchObject({ status: 'clear', otherSubjectKey: true });
  });

  it('may be any code that states none, once the keyring pins one', () => {
    expect(setUp(true).lookup(OTHER, false)).toMatchObject({ otherSubjectKey: true });
  });

  it('cannot be told where neither side states a key, as before', () => {
    const { lookup } = setUp(false);
    rewrite('slice.manifest.cose', 'upstream-keys/slice.key', { subjectKeyCheck: undefined });
    expect(lookup(OTHER, false)).toMatchObject({ otherSubjectKey: false });
  });
});

describe('a slice of another subject key than the keyring pins', () => {
  it.each([['000000'], [undefined]])('is not taken: %s', (stated) => {
    const { open } = setUp(true);
    rewrite('slice.manifest.cose', 'upstream-keys/slice.key', { subjectKeyCheck: stated });
    expect(open().fault()).toBe('slice-subject-key');
    expect(registry?.content()).toBeUndefined();
  });

  it('is not used on under a keyring that begins to pin another', () => {
    const { open, host } = setUp(false);
    expect(open().fault()).toBeUndefined();
    rewrite('keyring.cose', 'offline-keys/root.key', { subjectKeyCheck: '000000' });
    host.advance(2_001);
    expect(registry?.fault()).toBe('slice-subject-key');
    expect(registry?.content()).toBeUndefined();
  });

  it('leaves the one in use where that one agrees with the keyring', () => {
    const { open, host } = setUp(true);
    expect(open().fault()).toBeUndefined();
    rewrite('slice.manifest.cose', 'upstream-keys/slice.key', { subjectKeyCheck: '000000' });
    host.advance(2_001);
    expect(registry?.fault()).toBe('slice-subject-key');
    expect(registry?.content()).toBeDefined();
  });
});
