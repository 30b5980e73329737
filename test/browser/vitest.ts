/**
 * @file What the tests import from `vitest`, in a page: its runner, matchers and spies, which know no host, put together without what is Node's. A name that is
 * missing here (`vi.mock`) fails when the tests are bundled or called; such a test needs Node.
 */
import * as matchers from "@vitest/expect";
import { format } from "@vitest/pretty-format";
import { getCurrentTest } from "@vitest/runner";
import { stripSnapshotIndentation } from "@vitest/snapshot";
import { fn, restoreAllMocks, spyOn } from "@vitest/spy";
import type { ExpectStatic } from "vitest";

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } from "@vitest/runner";

export const vi = { fn, restoreAllMocks, spyOn };

const { GLOBAL_EXPECT, ASYMMETRIC_MATCHERS_OBJECT } = matchers;
/** Once the matchers are in, an assertion of chai's is one of vitest's. */
const chai = matchers.chai as typeof matchers.chai & { readonly expect: ExpectStatic & { extend(to: object, more: object): void } };

chai.use(matchers.JestExtend);
chai.use(matchers.JestChaiExpect);
chai.use(matchers.JestAsymmetricMatchers);
chai.use((_, { addMethod }) => {
  addMethod(chai.Assertion.prototype, "toMatchInlineSnapshot", function (this: object, snapshot: string) {
    const text = format(chai.util.flag(this, "object"), { escapeRegex: true, escapeString: false, printBasicPrototype: false });
    expect(text.trim()).toBe(stripSnapshotIndentation(snapshot).trim());
  });
});

function makeExpect(): ExpectStatic {
  const expect = ((value: unknown, message?: string) => {
    const assertion = chai.expect(value, message) as { withTest?: (test: object) => object };
    const test = getCurrentTest();
    return test ? assertion.withTest!(test) : assertion;
  }) as unknown as ExpectStatic;
  Object.assign(expect, chai.expect, (globalThis as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT]);
  expect.unreachable = (message) => chai.assert.fail(`expected${message ? ` "${message}" ` : " "}not to be reached`);
  chai.expect.extend(expect, matchers.customMatchers);
  matchers.setState({ assertionCalls: 0 }, expect);
  return expect;
}

export const expect: ExpectStatic = makeExpect();
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, configurable: true });

/** Types are checked by the compiler; in a page every expectation of a type holds. */
export const expectTypeOf = (): unknown => anything;
const anything: unknown = new Proxy(() => undefined, { get: () => anything, apply: () => anything });
