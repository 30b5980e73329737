/** @file Every optimizer: compiled once, its state, its groups; and those without stored trajectories (Lion, LAMB) against their formulas. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { svdvals } from "../../src/math/linalg.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import { ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import {
  Adadelta,
  Adafactor,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  ASGD,
  decayGroups,
  LAMB,
  Lion,
  Muon,
  NAdam,
  type Optimizer,
  RAdam,
  RMSProp,
  Rprop,
  SGD,
} from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

const makers: Record<string, (p: Cell[]) => Optimizer> = {
  SGD: (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.1 }),
  Adam: (p) => new Adam(p, { lr: 0.1, amsgrad: true }),
  AdamW: (p) => new AdamW(p, { lr: 0.1 }),
  NAdam: (p) => new NAdam(p, { lr: 0.1 }),
  RAdam: (p) => new RAdam(p, { lr: 0.1 }),
  Adamax: (p) => new Adamax(p, { lr: 0.1 }),
  Adagrad: (p) => new Adagrad(p, { lr: 0.1, lrDecay: 0.1 }),
  Adadelta: (p) => new Adadelta(p, { lr: 10 }),
  RMSProp: (p) => new RMSProp(p, { lr: 0.1, centered: true, momentum: 0.5 }),
  Rprop: (p) => new Rprop(p, { lr: 0.1 }),
  ASGD: (p) => new ASGD(p, { lr: 0.1, t0: 2 }),
  Lion: (p) => new Lion(p, { lr: 0.1, weightDecay: 0.1 }),
  LAMB: (p) => new LAMB(p, { lr: 0.1, weightDecay: 0.1 }),
  Adafactor: (p) => new Adafactor(p, { lr: 0.1, weightDecay: 0.1 }),
  Muon: (p) => new Muon(p, { lr: 2, weightDecay: 0.01 }),
};

const cellsOf = (): Cell[] => [new Cell(tensor([1, -2, 3]), "w"), new Cell(tensor([0.5]), "b")];
/** The gradient of half the distance to (1, 1, ...), squared. */
const gradsAt = (cells: readonly Cell[]): Tensor[] => cells.map(({ value }) => value.sub(1));
const numbers = (cells: readonly Cell[]): number[] => cells.flatMap(({ value }) => [...value.dataSync()]);

describe.each(Object.entries(makers))("%s", (_, make) => {
  test("goes down, compiled once, whatever the rate", () => {
    const cells = cellsOf();
    const optimizer = make(cells);
    const step = compile(() => optimizer.step(gradsAt(cells)));
    const distance = (): number => numbers(cells).reduce((sum, x) => sum + (x - 1) ** 2, 0);
    const before = distance();
    const { lr } = optimizer;
    for (let t = 0; t < 30; t++) {
      optimizer.lr = lr / (1 + t / 100);
      step();
    }
    expect(distance()).toBeLessThan(before * 0.9);
    expect(step.recompilations).toBe(1);
  });

  test("compiled is as it is step by step, within rounding", () => {
    const [a, b] = [cellsOf(), cellsOf()];
    const [one, two] = [make(a), make(b)];
    const step = compile(() => one.step(gradsAt(a)));
    for (let t = 0; t < 3; t++) {
      step();
      two.step(gradsAt(b));
    }
    numbers(a).forEach((x, i) => {
      expect(x).toBeCloseTo(numbers(b)[i], 5);
    });
  });

  test("saved state goes on in the same way; other state is refused", () => {
    const [a, b] = [cellsOf(), cellsOf()];
    const [one, two] = [make(a), make(b)];
    for (let t = 0; t < 7; t++) one.step(gradsAt(a));
    const saved = new Map([...one.stateDict()].map(([name, { shape, value }]) => [name, { shape, data: value.dataSync() }]));
    two.loadStateDict(saved);
    a.forEach((cell, i) => {
      b[i].set(cell.value);
    });
    one.step(gradsAt(a));
    two.step(gradsAt(b));
    expect(numbers(b)).toEqual(numbers(a));
    saved.set("other", saved.get("lr")!);
    expect(() => two.loadStateDict(saved)).toThrow(/loadStateDict: the entries do not fit \w+: unexpected other/);
  });

  test("climbs if told so", () => {
    const cells = cellsOf();
    const before = numbers(cells);
    const Kind = make(cells).constructor as new (p: Cell[], options: object) => Optimizer;
    new Kind(cells, { lr: 0.01, maximize: true }).step(gradsAt(cells));
    numbers(cells).forEach((x, i) => {
      expect(Math.abs(x - 1)).toBeGreaterThanOrEqual(Math.abs(before[i] - 1) - 1e-6);
    });
  });
});

describe("formulas", () => {
  const gradients = [
    [0.5, -1],
    [-0.25, 2],
    [1, 0.125],
  ];

  test("Lion: Chen et al. (2023), Algorithm 2", () => {
    const cell = new Cell(tensor([1, -2]));
    const lion = new Lion([cell], { lr: 0.1, weightDecay: 0.5 });
    const [p, m] = [
      [1, -2],
      [0, 0],
    ];
    for (const g of gradients) {
      lion.step([tensor(g)]);
      g.forEach((gi, i) => {
        p[i] -= 0.1 * (Math.sign(0.9 * m[i] + 0.1 * gi) + 0.5 * p[i]);
        m[i] = 0.99 * m[i] + 0.01 * gi;
      });
      numbers([cell]).forEach((x, i) => {
        expect(x).toBeCloseTo(p[i], 5);
      });
    }
  });

  test("LAMB: You et al. (2020), Algorithm 2", () => {
    const cell = new Cell(tensor([1, -2]));
    const lamb = new LAMB([cell], { lr: 0.1, weightDecay: 0.01 });
    const [p, m, v] = [
      [1, -2],
      [0, 0],
      [0, 0],
    ];
    gradients.forEach((g, n) => {
      lamb.step([tensor(g)]);
      const u = g.map((gi, i) => {
        m[i] = 0.9 * m[i] + 0.1 * gi;
        v[i] = 0.999 * v[i] + 0.001 * gi * gi;
        return m[i] / (1 - 0.9 ** (n + 1)) / (Math.sqrt(v[i] / (1 - 0.999 ** (n + 1))) + 1e-6) + 0.01 * p[i];
      });
      const ratio = Math.hypot(...p) / Math.hypot(...u);
      u.forEach((ui, i) => {
        p[i] -= 0.1 * ratio * ui;
      });
      numbers([cell]).forEach((x, i) => {
        expect(x).toBeCloseTo(p[i], 5);
      });
    });
  });

  test("Adafactor: Shazeer & Stern (2018), Algorithm 4, on a matrix and a vector", () => {
    const G = [
      [
        [0.5, -1, 2],
        [1, 0.25, -0.5],
      ],
      [
        [-2, 1, 0.125],
        [0.5, 3, -1],
      ],
    ];
    const [matrix, vector] = [new Cell(tensor(G[0], { dtype: "f64" })), new Cell(tensor([1, -2], { dtype: "f64" }))];
    const optimizer = new Adafactor([matrix, vector], { lr: 0.8, weightDecay: 0.1 });
    const rms = (x: readonly number[]): number => Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length);
    const [p, q] = [G[0].flat(), [1, -2]];
    const [rows, columns, v] = [
      [0, 0],
      [0, 0, 0],
      [0, 0],
    ];
    const move = (x: number[], u: readonly number[], t: number): void => {
      for (const i of x.keys()) x[i] *= 1 - 0.8 * 0.1;
      const size = (Math.min(0.8, 1 / Math.sqrt(t)) * Math.max(1e-3, rms(x))) / Math.max(1, rms(u));
      for (const [i, ui] of u.entries()) x[i] -= size * ui;
    };
    G.forEach((g, n) => {
      const t = n + 1;
      const keep = t ** -0.8;
      optimizer.step([tensor(g, { dtype: "f64" }), tensor(gradients[n], { dtype: "f64" })]);
      g.forEach((row, i) => {
        rows[i] += keep * (row.reduce((s, x) => s + x * x, 0) / 3 - rows[i]);
      });
      for (const j of columns.keys()) columns[j] += keep * ((g[0][j] ** 2 + g[1][j] ** 2) / 2 - columns[j]);
      const u = g.flatMap((row, i) => row.map((x, j) => x / Math.sqrt((rows[i] * columns[j]) / ((rows[0] + rows[1]) / 2))));
      move(p, u, t);
      const w = gradients[n].map((x, i) => {
        v[i] += keep * (x * x - v[i]);
        return x / Math.sqrt(v[i]);
      });
      move(q, w, t);
      numbers([matrix, vector]).forEach((x, i) => {
        expect(x).toBeCloseTo([...p, ...q][i], 10);
      });
    });
    expect([...optimizer.stateDict()].map(([name, { shape }]) => `${name} ${shape.join("x")}`)).toEqual([
      "lr ",
      "t ",
      "rows.0 2x1",
      "columns.0 1x3",
      "variance.1 2",
    ]);
  });

  test("Muon: steps of matrices are nearly orthogonal, whatever the gradient's scale; kernels are matrices too; the rest goes with Adam", () => {
    const cell = (...shape: number[]): Cell => new Cell(zeros(shape, "f64"));
    const cells = [cell(3, 2), cell(2, 5), cell(4, 3, 1, 2), cell(3), cell(2, 2)];
    const groups = [{ parameters: cells.slice(0, 4) }, { parameters: [cells[4]], adam: true }];
    const optimizer = new Muon(groups, { lr: 1, momentum: 0 });
    const grads = cells.map(({ shape, value }, i) => value.add(normal(keyOf(5 + i), shape, { dtype: "f64" })).mul(10 ** (i - 3)));
    optimizer.step(grads);
    for (const [i, rows] of [3, 2, 4].entries()) {
      const step = cells[i].value.reshape([rows, cells[i].value.size / rows]);
      const scale = Math.sqrt(Math.max(1, rows / step.shape[1]));
      for (const s of svdvals(step).dataSync()) expect(Math.abs(s / scale - 0.95)).toBeLessThan(0.3);
      // Against the gradient, in its own singular directions.
      expect(step.mul(grads[i].reshape(step.shape)).sum().itemSync()).toBeLessThan(0);
    }
    for (const i of [3, 4]) {
      const signs = [...grads[i].dataSync()].map((g) => -0.015 * Math.sign(g));
      numbers([cells[i]]).forEach((x, k) => {
        expect(x).toBeCloseTo(signs[k], 4);
      });
    }
    expect(() => new Muon(cells, { steps: 0 })).toThrow("steps must be a positive integer, got 0");
  });

  test.each([NAdam, RAdam] as const)("decoupled decay shrinks the parameter and leaves the moments alone: %s", (Kind) => {
    const moved = [0, 0.1].map((weightDecay) => {
      const cell = new Cell(tensor([4], { dtype: "f64" }));
      const optimizer = new Kind([cell], { lr: 0.5, weightDecay, decoupledWeightDecay: true });
      optimizer.step([tensor([1], { dtype: "f64" })]);
      return [cell.value.itemSync(), optimizer.stateDict().get("m.0")!.value.itemSync()];
    });
    expect(moved[0][0] - moved[1][0]).toBeCloseTo(4 * 0.5 * 0.1, 12);
    expect(moved[0][1]).toBe(moved[1][1]);
  });

  test("LAMB takes the plain step where a parameter is zero", () => {
    const cell = new Cell(zeros([2]));
    new LAMB([cell], { lr: 0.1 }).step([tensor([3, -4])]);
    expect(numbers([cell]).map((x) => x.toFixed(4))).toEqual(["-0.1000", "0.1000"]);
  });

  test("RAdam: the length of the average, to 10,000 steps", () => {
    // The rule's recurrence in f32 against the closed form in f64, by way of what it does to a parameter.
    const cell = new Cell(zeros([1]));
    const optimizer = new RAdam([cell], { lr: 1 });
    const step = compile((g: Tensor) => optimizer.step([g]));
    let before = 0;
    for (let t = 1; t <= 10_000; t++) {
      step(ones([1]));
      if (t > 12 && t !== 100 && t !== 10_000) {
        before = cell.value.itemSync();
        continue;
      }
      const limit = 2 / (1 - 0.999) - 1;
      const length = limit - (2 * t * 0.999 ** t) / (1 - 0.999 ** t);
      const square = ((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length);
      const now = cell.value.itemSync();
      expect(before - now, `step ${t}`).toBeCloseTo(length > 5 ? Math.sqrt(square) : 1, t > 100 ? 2 : 4);
      before = now;
    }
  });

  test("NAdam: the paper's product, and that of old PyTorch on demand", () => {
    const moved = [false, true].map((squaredMomentum) => {
      const cell = new Cell(zeros([1]));
      new NAdam([cell], { lr: 1, squaredMomentum }).step([ones([1])]);
      return -cell.value.itemSync();
    });
    const mu = (t: number): number => 0.9 * (1 - 0.5 * 0.96 ** (t * 0.004));
    expect(moved[0]).toBeCloseTo(1 + (0.1 * mu(2)) / (1 - mu(1) * mu(2)), 5);
    expect(moved[1]).toBeCloseTo(1 + (0.1 * mu(2)) / (1 - mu(1) * mu(1) * mu(2)), 5);
  });

  test("centered RMSProp stays finite where the variance rounds to nothing", () => {
    const cell = new Cell(zeros([1]));
    const optimizer = new RMSProp([cell], { centered: true, alpha: 0.5, eps: 1 });
    for (let t = 0; t < 60; t++) optimizer.step([tensor([0.1])]);
    expect(cell.value.itemSync()).toBeCloseTo(-0.01 * 60 * 0.1, 2);
  });
});

describe("groups", () => {
  test("own rates and options, numbered state, one program", () => {
    const [w, b] = [new Cell(ones([2]), "w"), new Cell(ones([1]), "b")];
    const groups = [
      { parameters: [w], momentum: 0.5 },
      { parameters: [b], lr: 1, weightDecay: 0.5 },
    ];
    const optimizer = new SGD(groups, { lr: 0.1 });
    expect([...optimizer.stateDict().keys()]).toEqual(["lr.0", "lr.1", "momentum.0", "velocity.0"]);
    const step = compile((x: Tensor, y: Tensor) => optimizer.step([x, y]));
    step(ones([2]), ones([1]));
    expect(numbers([w, b]).map((x) => x.toFixed(3))).toEqual(["0.900", "0.900", "-0.500"]);
    optimizer.groups[0].lr = 0;
    step(ones([2]), zeros([1]));
    expect(numbers([w, b]).map((x) => x.toFixed(3))).toEqual(["0.900", "0.900", "-0.250"]);
    expect(step.recompilations).toBe(1);
    expect(optimizer.lr).toBe(0);
    optimizer.lr = 0.25;
    expect(optimizer.groups.map(({ lr }) => lr)).toEqual([0.25, 0.25]);
  });

  test("decay of weights only", () => {
    const named: [string, Cell][] = [
      ["0.weight", new Cell(ones([2, 2]))],
      ["0.bias", new Cell(ones([2]))],
    ];
    const optimizer = new AdamW(decayGroups(named, 0.5), { lr: 0.1 });
    optimizer.step([zeros([2, 2]), zeros([2])]);
    expect(numbers(optimizer.parameters).map((x) => x.toFixed(2))).toEqual(["0.95", "0.95", "0.95", "0.95", "1.00", "1.00"]);
    expect(decayGroups(named, 0.5, (name) => name.startsWith("0."))).toHaveLength(1);
  });

  test.each([
    [() => new SGD([{ parameters: [] }], { lr: 1 }), "SGD: there is nothing to train"],
    [
      () => {
        const w = new Cell(ones([1]), "w");
        return new SGD([{ parameters: [w] }, { parameters: [w] }], { lr: 1 });
      },
      "SGD: a parameter is given twice",
    ],
    [() => new Adam([{ parameters: cellsOf(), betas: [0.9, 2] }]), "betas[1] must be a number from 0 to below 1, got 2"],
    [() => new Adam([{ parameters: cellsOf(), lr: -1 }]), "lr must be a number >= 0, got -1"],
    [() => new Adam([...cellsOf(), { parameters: cellsOf() }] as unknown as Cell[]), "parameters and groups are mixed"],
    [() => new SGD(cellsOf(), {} as { lr: number }), "lr must be a number >= 0, got NaN"],
    [() => new Rprop(cellsOf(), { etas: [1.2, 0.5] }), "etas must be [below 1, above 1], got [1.2,0.5]"],
    [() => new Rprop(cellsOf(), { stepSizes: [1, 0.5] }), "stepSizes[1] must be a number >= 1, got 0.5"],
    [() => new RMSProp(cellsOf(), { alpha: 1 }), "alpha must be a number from 0 to below 1, got 1"],
    [() => new Adagrad(cellsOf(), { lrDecay: -1 }), "lrDecay must be a number >= 0, got -1"],
  ])("%s", (attempt, message) => {
    expect(attempt).toThrow(message);
  });
});
