/**
 * @file Three 3×3 convolutions see what one 7×7 sees (Simonyan & Zisserman 2015, §2.3): 27 C² parameters against 49 C², two more nonlinearities, and
 * the same field, read from the tape and confirmed by the gradient of one unit.
 */
import { cost, grad, manualSeed, nn, random, receptiveField } from "nabla";

const C = 16;
const SIDE = 15;

manualSeed(1);
const conv = (kernel) => new nn.Conv2d(C, C, kernel, { bias: false });
const networks = {
  "three 3x3": new nn.Sequential(conv(3), new nn.Tanh(), conv(3), new nn.Tanh(), conv(3)),
  "one 7x7": new nn.Sequential(conv(7)),
};

/** Columns of the image on which the unit in the middle depends. */
function support(model) {
  const middle = (SIDE - 7) / 2;
  const x = random.normal(random.keyOf(2), [1, C, SIDE, SIDE]);
  const g = grad((image) => model.forward(image).narrow(2, middle, 1).narrow(3, middle, 1).sum())(x);
  return g.abs().sum([0, 1, 2]).gt(0).cast("f32").sum().itemSync();
}

export const found = Object.fromEntries(
  Object.entries(networks).map(([name, model]) => {
    const { size } = receptiveField(model, [C, SIDE, SIDE]);
    const { list } = cost.recordOn((x) => model.forward(x), [[1, C, SIDE, SIDE]]);
    return [name, { sees: size[0], support: support(model), parameters: cost.parameterCount(model), macs: cost.macsOf(list).total }];
  }),
);

for (const [name, { sees, support: columns, parameters, macs }] of Object.entries(found))
  console.log(
    `${name.padEnd(9)}  sees ${sees}x${sees} (gradient: ${columns} columns)  ${parameters} = ${parameters / C ** 2} C² parameters  ${macs} MACs`,
  );
