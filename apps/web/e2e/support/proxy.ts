import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** What the proxy does with an exchange. */
export type Fault =
  | 'none'
  /** The server gets the batch and applies it; the client gets nothing. */
  | 'cut-the-answer'
  /** A page of somebody else, with status 200, in place of every answer of the server. */
  | 'captive-portal'
  /** Batches are answered 401 and do not reach the server. */
  | 'unauthorized'
  /** Every command is refused for who sends it, and does not reach the server. */
  | 'forbidden'
  /** Nothing is answered and the connection is closed. */
  | 'unplugged';

export interface SentCommand {
  commandId: string;
  seq: number;
  type: string;
  payload: { expenseId?: string; invoiceId?: string };
}

/** Stands between the browser and the server, keeps what was sent, and breaks what it is told to break. */
export interface FaultProxy {
  readonly url: string;
  /** Every batch that reached the proxy, also those it broke. */
  readonly batches: SentCommand[][];
  /** What is set from now on; open streams of events end with the network. */
  fault: Fault;
  /** Called after each batch that the server has answered. */
  onBatch: (batch: SentCommand[]) => void;
  /** Batches wait on the wire until the returned function is called. */
  hold(): () => void;
  dispose(): Promise<void>;
}

export async function faultProxy(upstreamPort: number): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const streams = new Set<Socket>();
  let fault: Fault = 'none';
  let held: Promise<void> = Promise.resolve();
  const server = createServer((incoming, outgoing) => void exchange(incoming, outgoing));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    batches: [],
    get fault() {
      return fault;
    },
    set fault(next) {
      fault = next;
      if (next === 'unplugged' || next === 'captive-portal') for (const stream of streams) stream.destroy();
    },
    onBatch: () => {},
    hold() {
      let release = () => {};
      held = new Promise((resolve) => (release = resolve));
      return release;
    },
    async dispose() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };

  async function exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await whole(incoming).catch(() => null);
    // Who goes away in the middle of a request was never heard.
    if (body === null) return;
    const isBatch = incoming.method === 'POST' && incoming.url === '/sync/commands';
    const fault = proxy.fault;
    const batch = isBatch ? readBatch(incoming, body) : [];
    if (isBatch) proxy.batches.push(batch);
    if (isBatch) await held;
    if (fault === 'unplugged') {
      incoming.socket.destroy();
      return;
    }
    if (fault === 'captive-portal') {
      outgoing.writeHead(200, { 'content-type': 'text/html' });
      outgoing.end('<!doctype html><title>Welcome to the train</title><p>Accept our terms</p>');
      return;
    }
    if (fault === 'unauthorized' && isBatch) {
      outgoing.writeHead(401, { 'content-type': 'application/problem+json', 'sync-protocol': '1' });
      outgoing.end('{"type":"urn:offline:problem:unauthorized","code":"unauthorized","title":"Sign in","status":401}');
      return;
    }
    if (fault === 'forbidden' && isBatch) {
      const problem = { type: 'urn:offline:problem:forbidden', code: 'forbidden', title: 'Not allowed to do this', status: 403 };
      outgoing.writeHead(200, { 'content-type': 'application/json', 'sync-protocol': '1' });
      outgoing.end(JSON.stringify({ outcomes: batch.map(({ commandId }) => ({ commandId, status: 'rejected', problem })) }));
      return;
    }
    const upstream = request(
      { host: '127.0.0.1', port: upstreamPort, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        if (fault === 'cut-the-answer' && isBatch) {
          // The server has answered, so it has committed.
          answer.resume();
          answer.on('end', () => {
            incoming.socket.destroy();
            proxy.onBatch(batch);
          });
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        if (isBatch) answer.on('end', () => proxy.onBatch(batch));
      },
    );
    upstream.on('error', () => incoming.socket.destroy());
    if (incoming.url?.startsWith('/sync/events')) {
      streams.add(incoming.socket);
      outgoing.on('close', () => {
        streams.delete(incoming.socket);
        upstream.destroy();
      });
    }
    upstream.end(body);
  }
  return proxy;
}

async function whole(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function readBatch(incoming: IncomingMessage, body: Buffer): SentCommand[] {
  const text = incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  return (JSON.parse(text.toString()) as { commands: SentCommand[] }).commands;
}
