/** Made with the store and never later: what has it was made on purpose. */
export const IDENTITY_TABLE = `
CREATE TABLE store_identity (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  store_id TEXT NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;
`;

/** Tables of the SQLite store. Ids and hashes are BLOBs, instants Unix milliseconds. */
export const UPSTREAM_TABLES = `
CREATE TABLE IF NOT EXISTS token (
  hash TEXT PRIMARY KEY,
  kiosk_id TEXT NOT NULL,
  checkpoint_id TEXT NOT NULL,
  lane TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  used_by TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kiosk (
  kiosk_id TEXT PRIMARY KEY,
  checkpoint_id TEXT NOT NULL,
  lane TEXT NOT NULL,
  signing_key TEXT NOT NULL,
  sealing_key TEXT NOT NULL,
  certificate TEXT NOT NULL,
  enrolled_at INTEGER NOT NULL,
  revoked_at INTEGER,
  seen_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken_request (
  kiosk_id TEXT PRIMARY KEY, signing_key TEXT NOT NULL, created_s INTEGER NOT NULL, nonces TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heartbeat (
  kiosk_id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command (
  id TEXT PRIMARY KEY,
  kiosk_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  given_at INTEGER NOT NULL,
  done_at INTEGER,
  ok INTEGER,
  detail TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS command_kiosk ON command (kiosk_id, given_at);
CREATE TABLE IF NOT EXISTS kiosk_config (
  scope TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS peer_address (
  kiosk_id TEXT PRIMARY KEY,
  address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS peer_group (
  checkpoint_id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  key BLOB NOT NULL,
  members TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
  journal_id TEXT PRIMARY KEY,
  kiosk_id TEXT NOT NULL,
  kiosk_key TEXT NOT NULL,
  parent TEXT,
  n INTEGER NOT NULL,
  head TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS boot (
  journal_id TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  first_n INTEGER NOT NULL,
  PRIMARY KEY (journal_id, boot_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
  id INTEGER PRIMARY KEY,
  journal_id TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  accepted_from INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  head TEXT NOT NULL,
  skipped TEXT NOT NULL,
  body BLOB NOT NULL,
  signature TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  after_revocation INTEGER NOT NULL,
  projected INTEGER NOT NULL DEFAULT 0,
  UNIQUE (journal_id, last_seq)
) STRICT;
CREATE INDEX IF NOT EXISTS batch_waiting ON batch (id) WHERE projected = 0;
CREATE TABLE IF NOT EXISTS entry (
  record_id BLOB PRIMARY KEY,
  line_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
  journal_id TEXT NOT NULL,
  n INTEGER NOT NULL,
  reason TEXT NOT NULL,
  line BLOB NOT NULL,
  kiosk_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (journal_id, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alarm (
  code TEXT NOT NULL,
  kiosk_id TEXT NOT NULL,
  detail TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (code, kiosk_id, detail)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS crossing (
  record_id BLOB PRIMARY KEY,
  kiosk_id TEXT NOT NULL,
  checkpoint_id TEXT NOT NULL,
  lane TEXT NOT NULL,
  event_at INTEGER NOT NULL,
  record_at INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  class INTEGER,
  kid TEXT,
  cti BLOB,
  subject BLOB,
  vehicle BLOB,
  form TEXT,
  direction TEXT,
  plate TEXT,
  grade TEXT NOT NULL,
  after_revocation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS crossing_subject ON crossing (subject, event_at) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS crossing_cti ON crossing (cti, event_at) WHERE cti IS NOT NULL;
CREATE INDEX IF NOT EXISTS crossing_vehicle ON crossing (vehicle, event_at) WHERE vehicle IS NOT NULL;
CREATE INDEX IF NOT EXISTS crossing_checkpoint ON crossing (checkpoint_id, event_at);
CREATE TABLE IF NOT EXISTS event (
  record_id BLOB PRIMARY KEY,
  kind TEXT NOT NULL,
  ref BLOB,
  kiosk_id TEXT NOT NULL,
  checkpoint_id TEXT NOT NULL,
  lane TEXT NOT NULL,
  event_at INTEGER NOT NULL,
  value TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seal (
  record_id BLOB PRIMARY KEY,
  seal_kid TEXT NOT NULL,
  box BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unprojected (
  record_id BLOB PRIMARY KEY,
  reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subject (
  pseudonym BLOB PRIMARY KEY,
  status TEXT NOT NULL,
  from_day INTEGER NOT NULL,
  until_day INTEGER,
  region INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revocation (
  cti BLOB PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS killed_key (kid BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed (
  seq INTEGER PRIMARY KEY,
  prev INTEGER NOT NULL,
  kind TEXT NOT NULL,
  id BLOB NOT NULL,
  status TEXT,
  from_day INTEGER,
  until_day INTEGER,
  expires_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS registry_audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS registry_import (
  digest TEXT PRIMARY KEY,
  line INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS registry_revision (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO registry_revision VALUES (1, 0);
CREATE TABLE IF NOT EXISTS subject_key (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  key_check TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS slice (
  slice_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL,
  manifest TEXT NOT NULL,
  published_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (slice_id, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slice_refusal (
  slice_id TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  from_status INTEGER NOT NULL,
  from_revoked INTEGER NOT NULL,
  to_status INTEGER NOT NULL,
  to_revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slice_word (
  slice_id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  to_status INTEGER NOT NULL,
  to_revoked INTEGER NOT NULL,
  set_back INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slice_key (
  slice_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  key BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (slice_id, generation)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counted (
  checkpoint_id TEXT NOT NULL,
  slot INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  count INTEGER NOT NULL,
  last_event_at INTEGER NOT NULL,
  PRIMARY KEY (checkpoint_id, slot, verdict)
) STRICT, WITHOUT ROWID;
`;
