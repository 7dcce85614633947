import { documentFaults } from './documents';
import { readingFaults } from './reading';
import { writingFaults } from './writing';

export { FaultyProxy } from './proxy';
export const FAULTS = [...documentFaults, ...readingFaults, ...writingFaults];
