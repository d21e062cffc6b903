/** A server for `/sync` over real HTTP that keeps receipts as ours does, tells what took effect, and lets a test step in. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';

import { serveFiles, type FileServer } from './server.ts';

/** Where a batch is: on the server; in effect, its answer not sent; answered. */
export type Stage = 'received' | 'applied' | 'answered';

interface SentCommand {
  commandId: string;
  seq: number;
  idempotencyKey: string;
  payload: { thingId: string };
}

export interface SyncServer extends FileServer {
  /** How often each command took effect. */
  readonly effects: ReadonlyMap<string, number>;
  /** The commands of each thing, by `seq`, in the order in which they took effect. */
  readonly lanes: ReadonlyMap<string, readonly number[]>;
  /** How many commands came again under a key that had its receipt. */
  readonly replays: number;
  /** How many commands each batch had. */
  readonly batches: readonly number[];
  /** Called at each stage of each batch; the server waits for it. */
  at: (stage: Stage) => Promise<void> | void;
}

export const HEADERS = { 'sync-protocol': '1', 'content-type': 'application/json' };
export const HELLO = {
  serverTime: '2026-11-22T18:00:00.000Z',
  protocol: 1,
  minimumClient: 1,
  limits: { maxItems: 1000, maxBodyBytes: 4_194_304, maxItemBytes: 262_144 },
  retention: { receiptDays: 90, keyDays: 400 },
  acceptedTypes: ['PAIR_MOVE_V1', 'THING_BUMP_V1', 'THING_CREATE_V1', 'THING_UPDATE_V1'],
  pausedTypes: [],
};

export async function syncServer(): Promise<SyncServer> {
  const effects = new Map<string, number>();
  const lanes = new Map<string, number[]>();
  const batches: number[] = [];
  const receipts = new Map<string, object>();
  let replays = 0;

  const apply = ({ commandId, seq, idempotencyKey, payload }: SentCommand): object => {
    const known = receipts.get(idempotencyKey);
    if (known !== undefined) {
      replays += 1;
      return { ...known, replayed: true };
    }
    effects.set(commandId, (effects.get(commandId) ?? 0) + 1);
    lanes.set(payload.thingId, [...(lanes.get(payload.thingId) ?? []), seq]);
    const outcome = { commandId, status: 'applied', versions: [], result: null, replayed: false, changeSeq: receipts.size + 1 };
    receipts.set(idempotencyKey, outcome);
    return outcome;
  };
  const answerBatch = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    const { commands } = JSON.parse(text.toString()) as { commands: SentCommand[] };
    batches.push(commands.length);
    await server.at('received');
    const outcomes = commands.map(apply);
    await server.at('applied');
    response.writeHead(200, HEADERS).end(JSON.stringify({ outcomes }));
    await server.at('answered');
  };
  const files = await serveFiles((request, response) => {
    if (request.url === '/sync/hello') response.writeHead(200, HEADERS).end(JSON.stringify(HELLO));
    // A page that dies in the middle of its request was never heard.
    else if (request.url === '/sync/commands') answerBatch(request, response).catch(() => response.destroy());
    else return false;
    return true;
  });
  const server: SyncServer = {
    ...files,
    effects,
    lanes,
    batches,
    at: () => undefined,
    get replays() {
      return replays;
    },
  };
  return server;
}
