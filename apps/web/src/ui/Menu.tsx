import { Check, type LucideIcon } from 'lucide-react';
import { createContext, use, useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';

const Close = createContext<() => void>(() => undefined);

interface MenuProps {
  /** What the button opens, for those who cannot see it. */
  label: string;
  button: ReactNode;
  children: ReactNode;
  /** @default 'down' */
  direction?: 'up' | 'down';
  /** @default 'start' */
  align?: 'start' | 'end';
  className?: string;
}

/** A button with a list of choices; arrows move, Escape closes and gives the focus back. */
export function Menu({ label, button, children, direction = 'down', align = 'start', className = '' }: MenuProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const listId = useId();

  useEffect(() => {
    if (!open) return undefined;
    items(root.current)[0]?.focus();
    const onPointer = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener('pointerdown', onPointer);
    return () => document.removeEventListener('pointerdown', onPointer);
  }, [open]);

  const close = () => {
    setOpen(false);
    trigger.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') close();
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') move(root.current, event.key === 'ArrowDown' ? 1 : -1);
    else if (event.key === 'Tab') setOpen(false);
    if (event.key !== 'Tab' && event.key !== 'Enter' && event.key !== ' ') event.preventDefault();
  };
  return (
    <div className={`menu ${className}`} ref={root}>
      <button
        ref={trigger}
        type="button"
        className="menu-button"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? listId : undefined}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      {open && (
        <div id={listId} role="menu" aria-label={label} className={`menu-list menu-${direction} menu-${align}`} onKeyDown={onKeyDown}>
          <Close value={close}>{children}</Close>
        </div>
      )}
    </div>
  );
}

interface MenuItemProps {
  icon?: LucideIcon;
  /** Makes it one of several choices. */
  checked?: boolean;
  keepOpen?: boolean;
  onSelect: () => void;
  children: ReactNode;
}

export function MenuItem({ icon: Icon, checked, keepOpen = false, onSelect, children }: MenuItemProps) {
  const close = use(Close);
  return (
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={checked}
      className="menu-item"
      onClick={() => {
        if (!keepOpen) close();
        onSelect();
      }}
    >
      {Icon !== undefined && <Icon size={16} aria-hidden />}
      <span>{children}</span>
      {checked === true && <Check size={16} aria-hidden className="menu-check" />}
    </button>
  );
}

function items(root: HTMLElement | null): HTMLElement[] {
  return [...(root?.querySelectorAll<HTMLElement>('.menu-item') ?? [])];
}

function move(root: HTMLElement | null, step: 1 | -1): void {
  const all = items(root);
  const at = all.findIndex((item) => item === document.activeElement);
  all[(at + step + all.length) % all.length]?.focus();
}
