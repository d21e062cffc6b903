/** The processes of a browser, as the browser itself tells them. */
import type { BrowserContext, Page } from '@playwright/test';

interface ProcessInfo {
  type: string;
  id: number;
  /** Seconds. */
  cpuTime: number;
}

async function processes(context: BrowserContext): Promise<ProcessInfo[]> {
  const browser = context.browser();
  if (browser === null) throw new Error('This context does not tell its browser.');
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo;
}

export async function browserPid(context: BrowserContext): Promise<number> {
  const found = (await processes(context)).find(({ type }) => type === 'browser');
  if (found === undefined) throw new Error('The browser does not tell its own process.');
  return found.id;
}

/** The process that runs a page. Nothing names it: it is the one that works while the page does. */
export async function rendererPid(context: BrowserContext, page: Page): Promise<number> {
  const before = new Map((await processes(context)).map(({ id, cpuTime }) => [id, cpuTime]));
  await page.evaluate(() => {
    const until = performance.now() + 300;
    while (performance.now() < until);
  });
  const worked = (await processes(context)).filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => ({ id, time: cpuTime - (before.get(id) ?? 0) }));
  const most = worked.toSorted((a, b) => b.time - a.time)[0];
  if (most === undefined) throw new Error('The browser has no renderer.');
  return most.id;
}
