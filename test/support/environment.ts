import { TestEnvironment } from 'jest-environment-node';
import { contractFaults } from './contract';

declare global {
  var contract: typeof contractFaults;
}

/**
 * Node's environment with the contract that every answer is held against. Modules of a test file begin anew with it, but
 * this one stays: the OpenAPI document is built, and its schemas are compiled, once per process instead of half a second
 * per file.
 */
export default class Environment extends TestEnvironment {
  constructor(...args: ConstructorParameters<typeof TestEnvironment>) {
    super(...args);
    this.global.contract = contractFaults;
  }
}
