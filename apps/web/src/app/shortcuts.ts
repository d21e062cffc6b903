import { useLayoutEffect, useRef } from 'react';

/** What is bound to single keys, for the help dialog. */
export const SHORTCUTS: readonly { keys: string; what: string }[] = [
  { keys: 'n', what: 'New expense or invoice' },
  { keys: '/', what: 'Search the list' },
  { keys: 'g e', what: 'Go to expenses' },
  { keys: 'g i', what: 'Go to invoices' },
  { keys: 'g s', what: 'Go to sync' },
  { keys: 's', what: 'Sync now' },
  { keys: '↑ ↓', what: 'Previous or next in the list' },
  { keys: 'Ctrl Enter', what: 'Save the form' },
  { keys: 'Esc', what: 'Leave the field, then close the form' },
  { keys: '?', what: 'This list' },
];

/** After `g`, this many milliseconds remain for the second key. */
const SEQUENCE_MS = 1_200;

type Bindings = Readonly<Record<string, () => void>>;

/** Binds keys (`n`, or `g e` for one after the other) while nothing is being typed and no dialog is open; Escape leaves a field. */
export function useShortcuts(bindings: Bindings): void {
  const current = useRef(bindings);
  // With the page and not after it: whoever sees it may press.
  useLayoutEffect(() => {
    current.current = bindings;
  });
  useLayoutEffect(() => {
    let prefix = '';
    let prefixAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isBusy(event.target)) {
        if (event.key === 'Escape' && event.target instanceof HTMLInputElement) event.target.blur();
        return;
      }
      const isSecond = prefix !== '' && event.timeStamp - prefixAt < SEQUENCE_MS;
      const action = (isSecond ? current.current[`${prefix} ${event.key}`] : undefined) ?? current.current[event.key];
      prefix = action === undefined ? event.key : '';
      prefixAt = event.timeStamp;
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

function isBusy(target: EventTarget | null): boolean {
  if (document.querySelector('dialog[open]') !== null) return true;
  return target instanceof HTMLElement && (target.isContentEditable || target.closest('input, textarea, select') !== null);
}
