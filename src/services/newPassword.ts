import type { Fault } from '../errors';
import { passwordFault } from '../passwordRules';

export interface NewPassword {
  readonly password: string;
  readonly passwordConfirmation: string;
}

/** Client libraries find the field by `meta.attribute` (rulings, "Answers"). */
export function faultAt(place: string, attribute: string, { code, detail }: Pick<Fault, 'code' | 'detail'>): Fault {
  return { code, detail, source: { pointer: `${place}/${attribute}` }, meta: { attribute, message: detail } };
}

/**
 * What is wrong with a password that a person wants to have (INV-25, domain sheet 9.4).
 * @param place JSON pointer to what the two stand in
 */
export function newPasswordFaults(
  { password, passwordConfirmation }: NewPassword,
  person: { email: string; name?: string | null },
  place: string,
): Fault[] {
  const fault = passwordFault(password, person);
  const faults = fault === undefined ? [] : [faultAt(place, 'password', fault)];
  if (password !== passwordConfirmation) {
    const mismatch = { code: 'confirmation_mismatch', detail: 'It is not the same as password.' } as const;
    faults.push(faultAt(place, 'passwordConfirmation', mismatch));
  }
  return faults;
}
