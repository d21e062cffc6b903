import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import type { RecordPage, RecordSnapshot } from 'offline-protocol';

const dist = resolve(import.meta.dirname, '../../dist');

/** The real server process, on a data folder of its own and, after the first start, always on the same port. */
export interface ErpServer {
  readonly url: string;
  readonly port: number;
  start(): Promise<void>;
  /** SIGKILL: nothing is finished, nothing is said. */
  kill(): Promise<void>;
  /** Every record of a kind, as the server has it. */
  records(workspaceId: string, kind: string, user?: string): Promise<RecordSnapshot[]>;
  signIn(user: string, workspaceId: string): Promise<string>;
  /** Sends commands as another device would. */
  send(user: string, workspaceId: string, commands: Partial<Record<string, unknown>>[]): Promise<Outcome[]>;
  dispose(): Promise<void>;
}

export interface Outcome {
  commandId: string;
  status: string;
  versions?: { version: number }[];
}

export function erpServer(flags: string[] = []): ErpServer {
  const binary = process.env['ERP_SERVER'];
  if (!binary) throw new Error('ERP_SERVER must name the server binary; `cargo xtask test e2e` sets it');
  const data = mkdtempSync(join(tmpdir(), 'erp-e2e-'));
  let child: ChildProcess | null = null;
  let port = 0;
  const tokens = new Map<string, string>();
  let seq = 0;

  async function json<T>(path: string, init: RequestInit): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return (await response.json()) as T;
  }

  const server: ErpServer = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    async start() {
      const args = ['--dev', '--listen', `127.0.0.1:${port}`, '--data', data, '--web', dist, ...flags];
      child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      const lines = createInterface({ input: child.stdout! });
      for await (const line of lines) {
        const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (found) {
          port = Number(found[1]);
          lines.close();
          child.stdout!.resume();
          return;
        }
      }
      throw new Error('the server ended before it was ready');
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async signIn(user, workspaceId) {
      const key = `${user}@${workspaceId}`;
      const known = tokens.get(key);
      if (known) return known;
      const { token } = await json<{ token: string }>('/dev/sign-in', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ user, workspaceId }),
      });
      tokens.set(key, token);
      return token;
    },
    async records(workspaceId, kind, user = workspaceId === 'acme' ? 'ana' : 'cleo') {
      const token = await server.signIn(user, workspaceId);
      const all: RecordSnapshot[] = [];
      let after = '';
      for (;;) {
        const query = new URLSearchParams({ limit: '1000', ...(after && { after }) });
        const page = await json<RecordPage>(`/workspaces/${workspaceId}/records/${kind}?${query}`, {
          headers: { authorization: `Bearer ${token}` },
        });
        all.push(...page.records);
        if (!page.next) return all;
        after = page.next;
      }
    },
    async send(user, workspaceId, commands) {
      const token = await server.signIn(user, workspaceId);
      const filled = commands.map((command) => ({
        commandId: crypto.randomUUID(),
        workspaceId,
        deviceId: 'other-device',
        seq: ++seq,
        idempotencyKey: crypto.randomUUID(),
        createdAt: new Date().toISOString(),
        clientTraceId: 'e2e',
        ...command,
      }));
      const { outcomes } = await json<{ outcomes: Outcome[] }>('/sync/commands', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ commands: filled }),
      });
      return outcomes;
    },
    async dispose() {
      await server.kill();
      rmSync(data, { recursive: true, force: true });
    },
  };
  return server;
}
