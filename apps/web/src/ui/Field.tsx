import { useId, type ReactNode } from 'react';

/** What a control needs to belong to its label, hint and error. */
export interface ControlProps {
  id: string;
  'aria-invalid': boolean | undefined;
  'aria-describedby': string | undefined;
}

interface FieldProps {
  label: string;
  /** Shown under the control, unless there is an error. */
  hint?: ReactNode;
  error?: string | undefined;
  /** On a wide screen keeps the label for screen readers alone, where a column heading says it. */
  hideLabel?: boolean;
  className?: string;
  children: (control: ControlProps) => ReactNode;
}

export function Field({ label, hint, error, hideLabel = false, className = '', children }: FieldProps) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = error ?? hint;
  const control = {
    id,
    'aria-invalid': error === undefined ? undefined : true,
    'aria-describedby': note === undefined ? undefined : noteId,
  };
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id} className={hideLabel ? 'field-label label-wide-hidden' : 'field-label'}>
        {label}
      </label>
      {children(control)}
      {note !== undefined && (
        <p id={noteId} className={error === undefined ? 'field-hint' : 'field-error'} role={error === undefined ? undefined : 'alert'}>
          {note}
        </p>
      )}
    </div>
  );
}
