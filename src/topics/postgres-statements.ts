// The tables of a bus over PostgreSQL, and its statements. Values are always parameters; only the names of tables are part of a text.

import { Buffer } from 'node:buffer';
import { refuse } from '../base/options.ts';
import { MOST_BEFORE } from './messages.ts';
import { hash } from './postgres-channels.ts';

/** Where the tables are. */
export interface PostgresTables {
  /** The schema of the tables, which must exist. Default `'public'`. */
  readonly schema?: string | undefined;
  /** The names of all tables, indexes and channels begin with it. Default `'wasock'`. */
  readonly table?: string | undefined;
}

/** Bytes: PostgreSQL takes shorter messages only in a notification. */
const NOTIFICATION_LIMIT = 8000;
/** Milliseconds that a long message without a history is kept: processes fetch it when they are notified. */
const LONG_MESSAGE_TTL = 60_000;
/** Whether a message of a history was in its notification, or was there long enough. */
const IS_NOT_FETCHED = `(octet_length(payload) < ${NOTIFICATION_LIMIT / 2} OR time < now() - interval '${LONG_MESSAGE_TTL} milliseconds')`;
/** Most rows that a statement deletes. More than it can add. */
const DELETED_AT_ONCE = 1000;
/**
 * Which server runs a statement, by the moment at which it was started. A standby that has taken over, or a server that was started again, may lack the last messages.
 */
const SERVER = `extract(epoch FROM pg_postmaster_start_time())::text`;
/** Bytes of the longest names that PostgreSQL keeps apart: of identifiers, and of channels. */
const LONGEST_IDENTIFIER = 63;
/** Bytes that follow `table` in the longest name of a table or an index. */
const LONGEST_SUFFIX = '_messages_expires'.length;

/** The texts of all statements. */
export interface Statements {
  /** The schema and the beginning of the names: says which tables they are. */
  readonly name: string;
  /** The names of all tables, quoted. */
  readonly tables: readonly string[];
  /** Creates missing tables and functions. */
  readonly create: string;
  readonly check: string;
  readonly publish: string;
  readonly publishWithHistory: string;
  readonly startTopic: string;
  readonly recover: string;
  readonly fetch: string;
  readonly fetchFromHistory: string;
  readonly announce: string;
  readonly withdraw: string;
  readonly others: string;
  /** Each deletes some expired rows of a table. */
  readonly sweeps: readonly string[];
}

function checkName(option: string, name: unknown, longest: number): void {
  const isName = typeof name === 'string' && name !== '' && !/[\0\p{Surrogate}]/u.test(name);
  if (!isName || Buffer.byteLength(name) > longest) refuse(TypeError, option, `text of 1 to ${longest} bytes`, name);
}

/** A name as part of a statement. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Number of milliseconds, or null for ever, as a time. */
const after = (milliseconds: string): string =>
  `coalesce(now() + ${milliseconds} * interval '1 millisecond', 'infinity'::timestamptz)`;

/**
 * Makes the statements.
 *
 * @throws {TypeError} for a name that is none.
 */
export function makeStatements({ schema = 'public', table = 'wasock' }: PostgresTables): Statements {
  checkName('schema', schema, LONGEST_IDENTIFIER);
  checkName('table', table, LONGEST_IDENTIFIER - LONGEST_SUFFIX);
  const nameOf = (suffix: string): string => `${quote(schema)}.${quote(table + suffix)}`;
  const name = `${schema}.${table}`;
  const tables: Tables = {
    topics: nameOf('_topics'),
    messages: nameOf('_messages'),
    long: nameOf('_long'),
    presence: nameOf('_presence'),
  };
  const { topics, messages, long, presence } = tables;
  return {
    name,
    tables: [topics, messages, long, presence],
    create: createTables(tables, table, name),
    // One row. $1: the tables.
    check: `SELECT current_setting('server_encoding') AS encoding, current_setting('transaction_isolation') AS isolation,
  (SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest($1::text[]) AS t (name)) AS complete,
  EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(($1::text[])[1]) AND attname = 'line') AS current`,
    ...publishing(tables),
    ...recovering(tables),
    // $1: id.
    fetch: `SELECT encode(payload, 'base64') AS data FROM ${long} WHERE id = $1`,
    // $1: name, $2: process, $3: ids, $4: ttl.
    announce: `INSERT INTO ${presence} (name, process, ids, expires) VALUES ($1, $2, $3, ${after('$4::float8')})
ON CONFLICT (name, process) DO UPDATE SET ids = excluded.ids, expires = excluded.expires`,
    withdraw: `DELETE FROM ${presence} WHERE name = $1 AND process = $2`,
    others: `SELECT ids FROM ${presence} WHERE name = $1 AND process <> $2 AND expires > now()`,
    sweeps: [sweep(messages, IS_NOT_FETCHED), sweep(long), sweep(presence), sweep(topics)],
  };
}

/** Deletes some rows that have expired, and that no other transaction deletes. */
function sweep(table: string, condition = 'true'): string {
  return `DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM ${table} WHERE expires < now() AND ${condition} LIMIT ${DELETED_AT_ONCE} FOR UPDATE SKIP LOCKED))`;
}

/** Names of tables, quoted. */
interface Tables {
  readonly topics: string;
  readonly messages: string;
  /** Long messages without a history. */
  readonly long: string;
  readonly presence: string;
}

/**
 * `IF NOT EXISTS` does not keep two sessions from creating the same at once, so they take turns by a lock. The statements are one transaction, since they are sent
 * as one.
 */
function createTables({ topics, messages, long, presence }: Tables, table: string, name: string): string {
  return `SELECT pg_advisory_xact_lock(${hash(`wasock ${name}`)});
CREATE TABLE IF NOT EXISTS ${topics} (
  topic text COLLATE "C" PRIMARY KEY,
  line text NOT NULL,
  epoch text NOT NULL,
  "offset" bigint NOT NULL,
  server text NOT NULL,
  before text NOT NULL,
  expires timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS ${messages} (
  topic text COLLATE "C" NOT NULL,
  line text NOT NULL,
  "offset" bigint NOT NULL,
  payload bytea NOT NULL,
  time timestamptz NOT NULL,
  expires timestamptz NOT NULL,
  PRIMARY KEY (topic, line, "offset")
);
CREATE INDEX IF NOT EXISTS ${quote(`${table}_messages_expires`)} ON ${messages} (expires);
CREATE TABLE IF NOT EXISTS ${long} (
  id text PRIMARY KEY,
  payload bytea NOT NULL,
  expires timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS ${presence} (
  name text COLLATE "C" NOT NULL,
  process text NOT NULL,
  ids text NOT NULL,
  expires timestamptz NOT NULL,
  PRIMARY KEY (name, process)
);`;
}

/** A select with a row for each notification, which are sent in the order of `number`. `full` has the message, `short` says where it is. */
function notify(from: string, values: string): string {
  return `SELECT ${values}pg_notify(channel, CASE WHEN octet_length("full") < ${NOTIFICATION_LIMIT} THEN "full" ELSE short END)
FROM (SELECT * FROM ${from} ORDER BY number OFFSET 0) AS ordered`;
}

function publishing({ topics, messages, long }: Tables): Pick<Statements, 'publish' | 'publishWithHistory'> {
  return {
    // Arrays with an element for each message. $1: topic, $2: envelope in Base64, $3: channel, $4: id. PostgreSQL sends equal notifications of a
    // transaction once, so the id is always in them.
    publish: `WITH input AS (
  SELECT *, topic || ' ' || id || ' ' || data AS "full", topic || ' ' || id AS short
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS i (topic, data, channel, id, number)
), stored AS (
  INSERT INTO ${long} (id, payload, expires)
  SELECT id, decode(data, 'base64'), ${after(String(LONG_MESSAGE_TTL))} FROM input
  WHERE octet_length("full") >= ${NOTIFICATION_LIMIT}
) ${notify('input', '')}`,
    // Arrays with an element for each message. $1: topic, $2: envelope in Base64, $3: channel, $4: size, $5: ttl or null. $6: an epoch if one begins.
    //
    // The first message of a topic on another server begins an epoch, since that server may give offsets again. `before` has the epochs of before, with their last
    // offsets. All of them are one line: its messages stay as they are.
    //
    // The rows of the topics are locked until the transaction ends, in one order in all processes. Notifications have the order of the ends of transactions. So messages
    // of a topic are numbered, committed and notified in one order. Messages beyond the size are deleted; long ones a moment later, since processes still fetch them.
    publishWithHistory: `WITH input AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::float8[]) WITH ORDINALITY
    AS i (topic, data, channel, size, ttl, number)
), asked AS (
  SELECT topic, count(*) AS count, max(size) AS size, max(ttl) AS ttl FROM input GROUP BY topic
), grown AS (
  INSERT INTO ${topics} AS t (topic, line, epoch, "offset", server, before, expires)
  SELECT topic, $6, $6, count, ${SERVER}, '', ${after('(ttl * 10 + 86400000)')} FROM asked ORDER BY topic COLLATE "C"
  ON CONFLICT (topic) DO UPDATE SET "offset" = t."offset" + excluded."offset", expires = excluded.expires, server = excluded.server,
    epoch = CASE t.server WHEN excluded.server THEN t.epoch ELSE excluded.epoch END,
    before = CASE t.server WHEN excluded.server THEN t.before ELSE array_to_string(
      (string_to_array(concat_ws(' ', t.epoch, t."offset", nullif(t.before, '')), ' '))[1:${2 * MOST_BEFORE}], ' ') END
  RETURNING topic, line, epoch, "offset"
), numbered AS (
  SELECT i.*, g.line, g.epoch, g."offset" - a.count + row_number() OVER (PARTITION BY i.topic ORDER BY i.number) AS "offset"
  FROM input i JOIN asked a USING (topic) JOIN grown g USING (topic)
), stored AS (
  INSERT INTO ${messages} (topic, line, "offset", payload, time, expires)
  SELECT topic, line, "offset", decode(data, 'base64'), now(), ${after('ttl')} FROM numbered
), trimmed AS (
  DELETE FROM ${messages} WHERE ctid = ANY(ARRAY(
    SELECT old.ctid FROM grown g JOIN asked a USING (topic), LATERAL (
      SELECT ctid FROM ${messages} m
      WHERE m.topic = g.topic AND m.line = g.line AND m."offset" <= g."offset" - a.size
        AND ${IS_NOT_FETCHED}
      ORDER BY m."offset" LIMIT ${DELETED_AT_ONCE}
    ) old
  ))
), placed AS (
  SELECT *, topic || ' ' || "offset" || ':' || epoch AS short FROM numbered
), input_of_notify AS (
  SELECT *, short || ' ' || data AS "full" FROM placed
) ${notify('input_of_notify', 'epoch, "offset"::text AS "offset", ')}`,
  };
}

function recovering({ topics, messages }: Tables): Pick<Statements, 'startTopic' | 'recover' | 'fetchFromHistory'> {
  return {
    // $1: topic, $2: epoch.
    startTopic: `INSERT INTO ${topics} (topic, line, epoch, "offset", server, before, expires)
VALUES ($1, $2, $2, 0, ${SERVER}, '', ${after('86400000')}) ON CONFLICT (topic) DO NOTHING`,
    // $1: topic, $2: its epoch, one of before, or nothing, $3: offset, $4: size, $5: ttl or null. Rows only if there is such a topic: one for each message, or one without. One statement
    // sees one state of the tables, so the position belongs to the messages.
    recover: `SELECT t.epoch, t."offset"::text AS last, t.before, m."offset"::text AS "offset", encode(m.payload, 'base64') AS data
FROM ${topics} t LEFT JOIN ${messages} m ON strpos(concat(' ', t.epoch, ' ', t.before), concat(' ', $2::text, ' ')) > 0 AND t."offset" - $3::bigint <= $4::bigint
  AND m.topic = t.topic AND m.line = t.line AND m."offset" > $3::bigint
  AND m.expires > now() AND m.time > coalesce(now() - $5::float8 * interval '1 millisecond', '-infinity'::timestamptz)
WHERE t.topic = $1 ORDER BY m."offset"`,
    // $1: topic, $2: epoch, $3: offset.
    fetchFromHistory: `SELECT encode(m.payload, 'base64') AS data FROM ${topics} t JOIN ${messages} m USING (topic, line)
WHERE topic = $1 AND t.epoch = $2 AND m."offset" = $3::bigint`,
  };
}
