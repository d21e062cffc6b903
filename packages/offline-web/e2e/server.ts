/** A server for files of this package, on a free port of this machine. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface FileServer {
  url: string;
  close(): Promise<void>;
}

/** `answer` may take a request for itself; then it returns true. */
export async function serveFiles(answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false): Promise<FileServer> {
  const server = createServer((request, response) => {
    if (answer(request, response)) return;
    const path = join(ROOT, normalize(new URL(request.url ?? '/', 'http://localhost').pathname));
    stat(path).then(
      (found) => {
        const type = TYPES[extname(path)];
        if (!found.isFile() || type === undefined) return response.writeHead(404).end();
        response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' });
        return createReadStream(path).pipe(response);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${port(server)}`, close: () => close(server) };
}

function port(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return address.port;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
