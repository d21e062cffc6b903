import { expect, test } from 'vitest';
import { emptyLine, invoiceFields, previewContent, readInvoice, shownPointer } from './invoice-fields.ts';

const content = {
  customer: 'Acme',
  currency: 'EUR',
  lines: [
    { description: 'Consulting', quantity: 2, unitPriceMinor: 12_050, taxRateBp: 1_900 },
    { description: 'Discount', quantity: 1, unitPriceMinor: -500, taxRateBp: 725 },
  ],
};

test('what is shown reads back as it was', () => {
  expect(readInvoice(invoiceFields(content))).toEqual({ ok: true, content });
});

test('a line in which nothing was typed is left out', () => {
  const fields = invoiceFields(content);
  expect(readInvoice({ ...fields, lines: [emptyLine(), ...fields.lines, emptyLine()] })).toEqual({ ok: true, content });
});

test('errors point at the line as it is shown', () => {
  const fields = invoiceFields(content);
  const lines = [emptyLine(), { ...emptyLine(), description: 'Pen', unitPrice: '1.5x', quantity: '1.5' }, ...fields.lines];
  expect(readInvoice({ ...fields, lines })).toEqual({
    ok: false,
    errors: { '/lines/1/quantity': 'Whole numbers only.', '/lines/1/unitPriceMinor': 'This is not a number.' },
  });
  expect(shownPointer('/lines/0/description', lines)).toBe('/lines/1/description');
  expect(shownPointer('/customer', lines)).toBe('/customer');
});

test('a preview leaves out what cannot be read yet', () => {
  const fields = invoiceFields(content);
  const lines = [...fields.lines, { ...emptyLine(), description: 'Pen' }];
  const preview = previewContent({ ...fields, customer: '', lines });
  expect(preview.content.lines).toEqual(content.lines);
  expect(preview.keys).toEqual(fields.lines.map(({ key }) => key));
  expect(preview.content.customer).not.toBe('');
});

test('a saved invoice keeps its lines, so that nobody is thrown out of one', () => {
  const typed = invoiceFields(content);
  expect(invoiceFields(content, typed).lines.map(({ key }) => key)).toEqual(typed.lines.map(({ key }) => key));
  const fewer = invoiceFields({ ...content, lines: [] }, typed);
  expect(fewer.lines).toEqual([]);
});
