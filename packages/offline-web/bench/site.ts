/** Serves the page, the product's engine, and a server that answers every batch at once. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

export interface Site {
  url: string;
  /** How many batches were sent. */
  batches: number;
  /** Whether `/sync` answers; the page's files are there always. */
  answers: boolean;
  close(): Promise<void>;
}

interface Command {
  commandId: string;
  payload: { expenseId: string };
}

const ENGINE = fileURLToPath(new URL('../../../apps/web/engine/pkg/', import.meta.url));
const HELLO = {
  serverTime: '2026-11-24T12:00:00.000Z',
  protocol: 1,
  minimumClient: 1,
  limits: { maxItems: 1000, maxBodyBytes: 4_194_304, maxItemBytes: 262_144 },
  retention: { receiptDays: 90, keyDays: 400 },
  acceptedTypes: ['EXPENSE_CREATE_V1'],
  pausedTypes: [],
};

export async function openSite(): Promise<Site> {
  const build = await rolldown({ input: fileURLToPath(new URL('page.ts', import.meta.url)), transform: { define: { 'process.env.NODE_ENV': '"production"' } } });
  const { output } = await build.generate({ format: 'iife' });
  const files = new Map<string, [type: string, body: string | Buffer]>([
    ['/', ['text/html', '<!doctype html><title>bench</title><link rel="icon" href="data:,"><script src="/page.js"></script>']],
    ['/page.js', ['text/javascript', output[0].code]],
    ['/engine/erp_engine.js', ['text/javascript', await readFile(`${ENGINE}erp_engine.js`)]],
    ['/engine/erp_engine_bg.wasm', ['application/wasm', await readFile(`${ENGINE}erp_engine_bg.wasm`)]],
  ]);
  let changeSeq = 0;
  const answer = (body: string): object => {
    site.batches += 1;
    const { commands } = JSON.parse(body) as { commands: Command[] };
    const outcome = ({ commandId, payload }: Command): object => {
      changeSeq += 1;
      const versions = [{ kind: 'expense', id: payload.expenseId, version: 1 }];
      return { commandId, status: 'applied', versions, result: null, replayed: false, changeSeq };
    };
    return { outcomes: commands.map(outcome) };
  };
  const server = createServer((request, response) => {
    if (!site.answers && request.url?.startsWith('/sync/')) return void request.socket.destroy();
    response.setHeader('sync-protocol', '1').setHeader('content-type', 'application/json');
    if (request.url === '/sync/hello') return void response.end(JSON.stringify(HELLO));
    if (request.url === '/sync/commands') {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      return void request.on('end', () => response.end(JSON.stringify(answer(Buffer.concat(parts).toString()))));
    }
    const file = files.get(request.url ?? '');
    if (file === undefined) return void response.writeHead(404).end();
    response.setHeader('content-type', file[0]).end(file[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const site: Site = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    batches: 0,
    answers: true,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return site;
}
