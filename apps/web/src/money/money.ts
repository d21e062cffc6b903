/** What came of reading an amount that a person typed. */
export type Amount =
  | { ok: true; minor: number }
  | { ok: false; problem: 'empty' | 'not-a-number' | 'too-many-decimals' | 'too-large' };

/** The currencies offered, with the decimals of ISO 4217. Others are shown too, with the decimals that the browser knows. */
export const CURRENCIES: Readonly<Record<string, number>> = {
  EUR: 2, USD: 2, GBP: 2, CHF: 2, JPY: 0, AUD: 2, BHD: 3, BRL: 2, CAD: 2, CNY: 2, CZK: 2, DKK: 2, HKD: 2, HUF: 2, INR: 2, ISK: 0,
  KRW: 0, KWD: 3, MXN: 2, NOK: 2, NZD: 2, PLN: 2, RON: 2, SEK: 2, SGD: 2, TND: 3, TRY: 2, ZAR: 2,
};

export function decimalsOf(currency: string): number {
  const known = CURRENCIES[currency];
  if (known !== undefined) return known;
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** The sign between whole and fraction in the reader's language. */
export function localeSeparator(locale?: string): '.' | ',' {
  const part = new Intl.NumberFormat(locale).formatToParts(1.5).find(({ type }) => type === 'decimal');
  return part?.value === ',' ? ',' : '.';
}

/**
 * Reads a decimal number into whole units of 10^-decimals, exactly. Both `.` and `,` are understood; where one alone could mean either,
 * the reader's language decides, and digits are refused rather than dropped.
 */
export function parseAmount(text: string, decimals: number, separator: '.' | ',' = localeSeparator()): Amount {
  const compact = text.replace(/[\s\u00a0\u2009\u202f'’]/gu, '').replace(/^\u2212/u, '-');
  if (compact === '') return { ok: false, problem: 'empty' };
  const match = /^([+-]?)([\d.,]*\d[\d.,]*)$/u.exec(compact);
  if (match === null) return { ok: false, problem: 'not-a-number' };
  const [, sign = '', digits = ''] = match;
  const split = splitDecimal(digits, separator);
  if (split === null) return { ok: false, problem: 'not-a-number' };
  if (split.fraction.length > decimals) return { ok: false, problem: 'too-many-decimals' };
  const minor = BigInt(split.whole + split.fraction.padEnd(decimals, '0') || '0');
  if (minor > BigInt(Number.MAX_SAFE_INTEGER)) return { ok: false, problem: 'too-large' };
  return { ok: true, minor: sign === '-' && minor !== 0n ? -Number(minor) : Number(minor) };
}

/** An amount as one would type it: no grouping, the reader's decimal sign. */
export function amountText(minor: number, decimals: number, separator: '.' | ',' = localeSeparator()): string {
  return plainDecimal(minor, decimals).replace('.', separator);
}

const formatters = new Map<string, Intl.NumberFormat>();

/** An amount with its currency, as the reader's language writes it; a dash for a sum that nobody has worked out, as when the handler refuses. */
export function formatMoney(minor: number, currency: string, locale?: string): string {
  if (!Number.isSafeInteger(minor)) return '–';
  const decimals = decimalsOf(currency);
  const key = `${locale ?? ''} ${currency}`;
  let formatter = formatters.get(key);
  if (formatter === undefined) {
    formatter = moneyFormat(currency, decimals, locale);
    formatters.set(key, formatter);
  }
  // A text keeps every digit; a division would not.
  return formatter.format(plainDecimal(minor, decimals) as `${number}`);
}

/** 1900 -> `19`, 725 -> `7.25`. */
export function percentText(basisPoints: number, separator: '.' | ',' = localeSeparator()): string {
  return amountText(basisPoints, 2, separator).replace(/[.,]?0+$/u, '');
}

function moneyFormat(currency: string, decimals: number, locale: string | undefined): Intl.NumberFormat {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  try {
    return new Intl.NumberFormat(locale, { style: 'currency', currency, ...digits });
  } catch {
    return new Intl.NumberFormat(locale, digits);
  }
}

function plainDecimal(minor: number, decimals: number): string {
  const sign = minor < 0 ? '-' : '';
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0');
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

function splitDecimal(digits: string, separator: '.' | ','): { whole: string; fraction: string } | null {
  const decimal = decimalSign(digits, separator);
  const at = decimal === null ? -1 : digits.indexOf(decimal);
  const grouped = at < 0 ? digits : digits.slice(0, at);
  const fraction = at < 0 ? '' : digits.slice(at + 1);
  if (!/^\d*$/u.test(fraction) || !isGrouped(grouped)) return null;
  return { whole: grouped.replace(/[.,]/gu, ''), fraction };
}

/** Which of the signs in `digits`, if any, parts whole and fraction. */
function decimalSign(digits: string, separator: '.' | ','): '.' | ',' | null {
  const dot = digits.lastIndexOf('.');
  const comma = digits.lastIndexOf(',');
  if (dot < 0 && comma < 0) return null;
  if (dot >= 0 && comma >= 0) return dot > comma ? '.' : ',';
  const sign = dot >= 0 ? '.' : ',';
  if (digits.indexOf(sign) !== digits.lastIndexOf(sign)) return null;
  return sign === separator || !/^[1-9]\d{0,2}[.,]\d{3}$/u.test(digits) ? sign : null;
}

/** Plain digits, or groups of three (the first ones of two in India) parted by one and the same sign. */
function isGrouped(whole: string): boolean {
  return /^\d*$/u.test(whole) || /^\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*$/u.test(whole) || /^\d{1,2}(?:,\d{2})*,\d{3}$/u.test(whole);
}
