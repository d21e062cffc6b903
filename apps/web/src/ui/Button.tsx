import { LoaderCircle, type LucideIcon } from 'lucide-react';
import type { ButtonHTMLAttributes } from 'react';

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** @default 'plain' */
  variant?: 'primary' | 'plain' | 'quiet' | 'danger';
  icon?: LucideIcon;
  /** Shows that the work is under way, and takes no second click. */
  busy?: boolean;
}

export function Button({ variant = 'plain', icon: Icon, busy = false, children, className = '', disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={`button button-${variant} ${className}`}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      {...rest}
    >
      {busy ? <LoaderCircle className="spin" size={16} aria-hidden /> : Icon !== undefined && <Icon size={16} aria-hidden />}
      {children !== undefined && <span>{children}</span>}
    </button>
  );
}
