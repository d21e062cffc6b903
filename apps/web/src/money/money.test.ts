import { describe, expect, test } from 'vitest';
import { amountText, CURRENCIES, decimalsOf, formatMoney, parseAmount, percentText } from './money.ts';

const minor = (text: string, decimals = 2, separator: '.' | ',' = '.') => {
  const amount = parseAmount(text, decimals, separator);
  return amount.ok ? amount.minor : amount.problem;
};

describe('parseAmount', () => {
  test.each([
    ['12.50', 1250], ['12.5', 1250], ['12', 1200], ['.5', 50], ['5.', 500], ['0', 0], ['-0', 0], ['-3.20', -320], ['\u22123', -300],
    ['1,234.56', 123456], ['1.234,56', 123456], ["1'234.56", 123456], ['1 234,56', 123456], ['1,234', 123400], ['12,50', 1250],
    ['1,234,567', 123456700], ['1,00,000', 10000000], ['0,123', 'too-many-decimals'],
  ])('reads %s in a language with a decimal point', (text, expected) => expect(minor(text)).toBe(expected));

  test.each([['12,50', 1250], ['1.234', 123400], ['12.50', 1250], ['1.234.567,89', 123456789]])(
    'reads %s in a language with a decimal comma',
    (text, expected) => expect(minor(text, 2, ',')).toBe(expected),
  );

  test.each([
    ['', 'empty'], ['  ', 'empty'], ['abc', 'not-a-number'], ['1e5', 'not-a-number'], ['NaN', 'not-a-number'], ['--1', 'not-a-number'],
    ['.', 'not-a-number'], ['1,2,3', 'not-a-number'], ['1.2.3', 'not-a-number'], ['12,34,5', 'not-a-number'], ['1.005', 'too-many-decimals'],
    ['90071992547409.92', 'too-large'], ['90071992547409.91', Number.MAX_SAFE_INTEGER],
  ])('refuses %s rather than guessing', (text, expected) => expect(minor(text)).toBe(expected));

  test('knows currencies without decimals and with three', () => {
    expect(minor('1,000', decimalsOf('JPY'))).toBe(1000);
    expect(minor('1000.5', decimalsOf('JPY'))).toBe('too-many-decimals');
    expect(minor('1.234', decimalsOf('KWD'))).toBe(1234);
  });
});

/** A small seeded generator, so that a failure can be repeated. */
function* numbers(seed: number, count: number): Generator<number> {
  let state = BigInt(seed);
  for (let index = 0; index < count; index += 1) {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    const size = state % 53n;
    yield Number((state >> 11n) & ((1n << (size + 1n)) - 1n)) * (state & 1024n ? 1 : -1);
  }
}

test('what is written can be read again, in every currency and both languages', () => {
  for (const value of numbers(7, 3000)) {
    for (const decimals of new Set(Object.values(CURRENCIES))) {
      for (const separator of ['.', ','] as const) {
        const text = amountText(value, decimals, separator);
        expect(minor(text, decimals, separator), `${text} with ${decimals} decimals`).toBe(value === 0 ? 0 : value);
      }
    }
  }
});

test('what is shown grouped can be read again', () => {
  for (const value of numbers(11, 2000)) {
    for (const [locale, separator] of [['en', '.'], ['de', ','], ['fr', ','], ['en-IN', '.']] as const) {
      const shown = formatMoney(value, 'EUR', locale).replace('€', '');
      expect(minor(shown, 2, separator), `${shown} in ${locale}`).toBe(value === 0 ? 0 : value);
    }
  }
});

test('amounts are shown to the last digit', () => {
  expect(formatMoney(Number.MAX_SAFE_INTEGER, 'USD', 'en')).toBe('$90,071,992,547,409.91');
  expect(formatMoney(-5, 'EUR', 'en')).toBe('-€0.05');
  expect(formatMoney(1500, 'JPY', 'en')).toBe('¥1,500');
  expect(formatMoney(1234, 'KWD', 'en').replace(/\s/u, ' ')).toBe('KWD 1.234');
});

test('rates are shown without needless zeros', () => {
  expect([1900, 725, 0, 10000, 50, 1].map((rate) => percentText(rate, '.'))).toEqual(['19', '7.25', '0', '100', '0.5', '0.01']);
});
