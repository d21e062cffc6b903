/** WebKitGTK's MiniBrowser by plain WebDriver, which is the only way to drive it, on a display of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface WebDriverPage {
  goto(url: string): Promise<void>;
  /** Runs the body of an async function in the page; `args` are its arguments. Rejects with what it throws. */
  run<T>(body: string, ...args: unknown[]): Promise<T>;
  close(): Promise<void>;
}

export interface WebKitPrograms {
  driver: string;
  browser: string;
  display: string;
}

/** How long one case may take, in milliseconds. */
const SCRIPT_MS = 60_000;

export async function openWebKit({ driver, browser, display }: WebKitPrograms): Promise<WebDriverPage> {
  const screen = spawn(display, ['-displayfd', '3', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const processes: ChildProcess[] = [screen];
  try {
    const number = await firstLine(screen.stdio[3] as Readable, screen);
    const port = await freePort();
    const env = { ...process.env, DISPLAY: `:${number}` };
    processes.push(spawn(driver, [`--port=${port}`, '--host=127.0.0.1'], { stdio: 'ignore', env }));
    return await session(`http://127.0.0.1:${port}`, browser, processes);
  } catch (error) {
    await end(processes);
    throw error;
  }
}

async function session(driver: string, browser: string, processes: ChildProcess[]): Promise<WebDriverPage> {
  const options = { 'webkitgtk:browserOptions': { binary: browser, args: ['--automation'] } };
  await answers(driver);
  const { sessionId } = await command<{ sessionId: string }>('POST', `${driver}/session`, { capabilities: { alwaysMatch: options } });
  const at = `${driver}/session/${sessionId}`;
  await command('POST', `${at}/timeouts`, { script: SCRIPT_MS });
  return {
    goto: async (url) => void (await command('POST', `${at}/url`, { url })),
    async run<T>(body: string, ...args: unknown[]) {
      const script = `const done = arguments[arguments.length - 1];
        (async (...args) => { ${body} })(...Array.from(arguments).slice(0, -1))
          .then((value) => done({ value }), (error) => done({ error: String(error) }));`;
      const result = await command<{ value?: T; error?: string }>('POST', `${at}/execute/async`, { script, args });
      if (result.error !== undefined) throw new Error(result.error);
      return result.value as T;
    },
    async close() {
      await command('DELETE', at).catch(() => undefined);
      await end(processes);
    },
  };
}

async function command<T>(method: string, url: string, body?: object): Promise<T> {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const { value } = (await response.json()) as { value: T & { error?: string; message?: string } };
  if (!response.ok) throw new Error(`WebDriver: ${value.error}: ${value.message}`);
  return value;
}

/** Waits until the driver listens. */
async function answers(driver: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await command('GET', `${driver}/status`);
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function firstLine(stream: Readable, child: ChildProcess): Promise<string> {
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${child.spawnfile} ended at once`)));
  const [line] = (await Promise.race([once(createInterface({ input: stream }), 'line'), ended])) as [string];
  return line;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function end(processes: ChildProcess[]): Promise<void> {
  for (const child of processes.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  }
}
