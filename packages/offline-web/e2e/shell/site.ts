/** A server with a small application in versions, which can be stopped, started and lied for. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

export interface Site {
  url: string;
  deploy(version: string): Promise<void>;
  /** Another answer for a path, as something between us and the server would give. */
  lie(path: string, type: string, body: string): void;
  /** Whether the server answers at all. */
  answers: boolean;
  close(): Promise<void>;
}

export const script = (version: string): string => `/assets/page-${version}.js`;

export async function openSite(): Promise<Site> {
  const code = await bundle('page.ts', {});
  const files = new Map<string, { type: string; body: string }>();
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (!site.answers) return void request.socket.destroy();
    const file = files.get(path) ?? (path.includes('.') ? undefined : files.get('/index.html'));
    if (path.startsWith('/workspaces/')) response.setHeader('content-type', 'application/json').end('{"says":"server"}');
    else if (file === undefined) response.writeHead(404).end();
    else response.setHeader('content-type', file.type).end(file.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const site: Site = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers: true,
    async deploy(version) {
      files.clear();
      const page = `<!doctype html><title>${version}</title><link rel="icon" href="data:,"><script src="${script(version)}"></script>`;
      files.set('/index.html', { type: 'text/html', body: page });
      files.set(script(version), { type: 'text/javascript', body: code });
      const shell = [...files.keys()].map((url) => ({ url, revision: version }));
      files.set('/sw.js', { type: 'text/javascript', body: await bundle('worker.ts', { FILES: JSON.stringify(shell) }) });
    },
    lie: (path, type, body) => void files.set(path, { type, body }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return site;
}

async function bundle(file: string, define: Record<string, string>): Promise<string> {
  const input = fileURLToPath(new URL(file, import.meta.url));
  const build = await rolldown({ input, transform: { define: { 'process.env.NODE_ENV': '"production"', ...define } } });
  const { output } = await build.generate({ format: 'iife' });
  return output[0].code;
}
