/** Currencies whose smallest unit is not the hundredth (ISO 4217): decimal places → codes. */
const SCALES: ReadonlyMap<number, string> = new Map([
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
]);
const EXCEPTIONS = new Map(
  [...SCALES].flatMap(([scale, codes]) => codes.split(' ').map((code) => [code, scale] as const)),
);
const CURRENCIES = new Set(Intl.supportedValuesOf('currency'));

/** The largest number that JSON parsers keep exactly; amounts and balances stay within it (INV-51). */
export const MOST = Number.MAX_SAFE_INTEGER;

/** Form of an asset: a currency of ISO 4217 or a unit that is counted (domain sheet 4.13). */
export const ASSET_PATTERN = '^[A-Z][A-Z0-9_]{1,15}$';

/** Decimal places of an asset: those of a currency, none of a unit. */
export const scaleOf = (asset: string): number => EXCEPTIONS.get(asset) ?? (CURRENCIES.has(asset) ? 2 : 0);
