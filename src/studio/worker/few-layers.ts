/** @file What a model's code is given in the one file: the layers that most nets are made of. All of `nn` would make the file a sixth larger. */
import { ELU, GELU, Identity, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh } from "../../nn/activation.ts";
import { BatchNorm1d, BatchNorm2d } from "../../nn/batch-norm.ts";
import { Conv2d } from "../../nn/conv.ts";
import { Dropout } from "../../nn/dropout.ts";
import { Flatten } from "../../nn/flatten.ts";
import * as initializers from "../../nn/initializers.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import { LayerNorm } from "../../nn/norm.ts";
import { Parameter } from "../../nn/parameter.ts";
import { AvgPool2d, MaxPool2d } from "../../nn/pool.ts";
import { Residual } from "../../nn/residual.ts";
import { Sequential } from "../../nn/sequential.ts";

export const FEW = {
  AvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  ELU,
  Flatten,
  GELU,
  Identity,
  initializers,
  LayerNorm,
  LeakyReLU,
  Linear,
  MaxPool2d,
  Module,
  Parameter,
  ReLU,
  Residual,
  Sequential,
  Sigmoid,
  Softplus,
  Tanh,
};

/** Layers by name; others are an error that says which there are. */
export const layersOf = (layers: object): object =>
  new Proxy(layers, {
    get(target, name) {
      if (name in target || typeof name === "symbol") return Reflect.get(target, name);
      throw new Error(`nn.${name} is not here; there are ${Object.keys(layers).join(", ")}`);
    },
  });

export const fewLayers: object = layersOf(FEW);
