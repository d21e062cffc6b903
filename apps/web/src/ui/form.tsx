import type { KeyboardEvent } from 'react';
import { Notice } from './states.tsx';

/** Ctrl+Enter (Cmd+Enter on a Mac) saves from any field. */
export function onCtrlEnter(event: KeyboardEvent<HTMLFormElement>): void {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.currentTarget.requestSubmit();
}

/** Errors that belong to no field of the form. */
export function FormErrors({ errors, known }: { errors: Readonly<Record<string, string>>; known: readonly string[] }) {
  const others = Object.entries(errors).filter(([pointer]) => !known.includes(pointer));
  if (others.length === 0) return null;
  return (
    <Notice title="This cannot be saved">
      {others.map(([pointer, message]) => (
        <p key={pointer}>
          {placeOf(pointer)}
          {message}
        </p>
      ))}
    </Notice>
  );
}

/** Which line of a list an error is about, counted as people do. */
function placeOf(pointer: string): string {
  const index = /^\/lines\/(\d+)/u.exec(pointer)?.[1];
  return index === undefined ? '' : `Line ${Number(index) + 1}: `;
}
