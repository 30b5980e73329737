/**
 * @file Crossed features raise capacity: who likes what, where the answer is in the pairs (user and item agree in taste) and no field says anything
 * alone. Logistic regression, a factorization machine (Rendle 2010) and Deep Crossing (Shan et al. 2016) on the same three categorical fields.
 */
import { backward, compile, functional, manualSeed, nn, optim, random } from "nabla";

const SIZES = [20, 20, 5]; // users, items, and a field without meaning
const TASTES = 3;

/** Rows of category numbers, counted through all fields, i32[N, 3], and whether user and item agree. */
function sample(count, seed) {
  const keys = random.split(random.keyOf(seed), 3);
  const fields = SIZES.map((size, i) => random.uniform(keys[i], [count], { high: size }).floor());
  const tastes = [0, 1].map((i) => random.normal(random.keyOf(100 + i), [SIZES[i], TASTES]));
  const [u, v] = [0, 1].map((i) => tastes[i].take(fields[i].cast("i32")));
  const offsets = [0, SIZES[0], SIZES[0] + SIZES[1]];
  const columns = fields.map((field, i) => field.add(offsets[i]).cast("i32").unsqueeze(1));
  return { x: columns[0].concat(columns.slice(1), 1), y: u.mul(v).sum(1).gt(0).cast("f32") };
}

const TOTAL = SIZES.reduce((a, b) => a + b);
const small = nn.initializers.normal(0, 0.1);

/** w₀ + Σ wᵢ, the sum over the categories that are present. */
class Logistic extends nn.Module {
  weights = new nn.Embedding(TOTAL, 1, { weightInitializer: small });
  bias = new nn.Parameter(nn.initializers.zeros([1]));

  forward(x) {
    return this.weights.forward(x).sum([1, 2]).add(this.bias);
  }
}

/** w₀ + Σ wᵢ + Σ_{i<j} <vᵢ, vⱼ>, the pairs as ½ Σ_f ((Σ v_if)² - Σ v_if²) (Rendle 2010, eq. 1 and lemma 3.1). */
class FactorizationMachine extends nn.Module {
  linear = new Logistic();
  factors = new nn.Embedding(TOTAL, 4, { weightInitializer: small });

  forward(x) {
    const v = this.factors.forward(x); // [N, fields, factors]
    const pairs = v.sum(1).square().sub(v.square().sum(1)).sum(1).mul(0.5);
    return this.linear.forward(x).add(pairs);
  }
}

/** An embedding for each field, side by side, then residual units x + W₂·relu(W₁x + b₁) + b₂ with a rectifier behind, then a score. */
class DeepCrossing extends nn.Module {
  factors = new nn.Embedding(TOTAL, 8);
  units = Array.from({ length: 2 }, () => new nn.Residual(new nn.Sequential(new nn.Linear(24, 32), new nn.ReLU(), new nn.Linear(32, 24))));
  score = new nn.Linear(24, 1);

  forward(x) {
    const stacked = this.factors.forward(x).flatten(1);
    const crossed = this.units.reduce((h, unit) => functional.relu(unit.forward(h)), stacked);
    return this.score.forward(crossed).squeeze(1);
  }
}

manualSeed(1);
const [train, test] = [sample(4000, 1), sample(1000, 2)];
export const accuracies = {};
for (const model of [new Logistic(), new FactorizationMachine(), new DeepCrossing()]) {
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
  const step = compile(() => {
    const { value, grads } = backward(() => nn.binaryCrossEntropyWithLogits(model.forward(train.x), train.y), optimizer.parameters);
    optimizer.step(grads);
    return value;
  });
  for (let i = 0; i < 150; i++) step();
  const right = model.forward(test.x).gt(0).eq(test.y.gt(0.5));
  const name = model.constructor.name;
  accuracies[name] = right.cast("f32").mean().itemSync();
  console.log(`${name}: ${(100 * accuracies[name]).toFixed(1)} % of unseen pairs`);
}
