"""Writes PyTorch's own operator, module and optimizer samples with PyTorch's results, for `npm run outside`.

    python outside.py FOLDER [--most 40] [--numel 4096] [--dtype float64] [--only NAME]

Reads `op_db`, `module_db` and `optim_db` of `torch.testing._internal` (torch 1.13 or later; what a version lacks is left out and
said). Writes `samples.json` and `samples.safetensors`. Values are computed in the dtype given, gradients for the cotangent
0.5 + ((37 i + 11 j) mod 101) / 101 of element i of output j, so that they need no room.
"""
import argparse
import json
import math
import os
import struct
import sys
import types
import unittest
import warnings

warnings.filterwarnings("ignore")
try:
    import expecttest  # noqa: F401  PyTorch's test helpers import it; the samples do not use it
except ImportError:
    stub = types.ModuleType("expecttest")
    stub.TestCase, stub.ACCEPT = unittest.TestCase, False
    sys.modules["expecttest"] = stub

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.testing._internal import common_methods_invocations as operators  # noqa: E402
from torch.testing._internal import common_modules as modules  # noqa: E402

try:
    from torch.testing._internal import common_optimizers as optimizers
except ImportError:
    optimizers = None

KINDS = {
    "float64": "F64",
    "float32": "F32",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
# The samples of these draw random numbers: no value to compare with.
RANDOM = set(
    """uniform bernoulli multinomial normal normal_in_place rand_like randn randn_like randint randint_like empty empty_like new_empty
    new_empty_strided empty_permuted empty_strided cauchy exponential geometric log_normal svd_lowrank pca_lowrank nn.functional.rrelu
    nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d nn.functional.alpha_dropout
    nn.functional.feature_alpha_dropout nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d
    nn.functional._scaled_dot_product_attention nn.functional.scaled_dot_product_attention""".split()
)

# The triangular factor among the tensors that are differentiated.
TRIANGLES = {"cholesky_inverse": 0, "cholesky_solve": 1}


def operators_by_name(name):
    return next(op for op in operators.op_db if op.name == name)


class Complex(Exception):
    """A sample with complex numbers."""


class Writer:
    """Tensors by number in a safetensors file."""

    def __init__(self):
        self.header, self.parts, self.at, self.known = {}, [], 0, {}

    def add(self, x):
        if x.is_complex():
            raise Complex
        if x._is_zerotensor():  # has no memory behind it
            x = torch.zeros(x.shape, dtype=x.dtype)
        kind = KINDS.get(str(x.dtype).replace("torch.", ""))
        if kind is None or x.layout != torch.strided:
            raise Complex
        data = np.ascontiguousarray(x.detach().cpu().numpy())
        if kind == "I64" and data.size and (data.max() > 2**31 - 1 or data.min() < -(2**31)):
            kind, data = "F64", data.astype(np.float64)
        if kind in ("I64", "I16", "I8"):
            kind, data = "I32", data.astype(np.int32)
        raw = data.tobytes()
        key = (kind, tuple(x.shape), raw)
        if key not in self.known:
            name = str(len(self.known))
            self.known[key] = name
            self.header[name] = {"dtype": kind, "shape": list(x.shape), "data_offsets": [self.at, self.at + len(raw)]}
            self.parts.append(raw)
            self.at += len(raw)
        return self.known[key]

    def write(self, path):
        text = json.dumps(self.header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as out:
            out.write(struct.pack("<Q", len(text)))
            out.write(text)
            for part in self.parts:
                out.write(part)


def number(x):
    if isinstance(x, float) and not math.isfinite(x):
        return {"number": "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"}
    # JSON does not tell 2.0 from 2, and an operator may.
    return {"number": repr(x)} if isinstance(x, float) and x.is_integer() else x


def encode(x, writer, leaves):
    """JSON of an argument or a result; tensors that are differentiated go into `leaves` in the order in which they are met."""
    if isinstance(x, torch.Tensor):
        entry = {"tensor": writer.add(x), "dtype": str(x.dtype).replace("torch.", "")}
        if x.requires_grad and leaves is not None:
            entry["leaf"] = len(leaves)
            leaves.append(x)
        return entry
    if isinstance(x, (bool, str)) or x is None:
        return x
    if isinstance(x, (int, float, np.integer, np.floating)):
        return number(x.item() if isinstance(x, (np.integer, np.floating)) else x)
    if isinstance(x, complex):
        raise Complex
    if isinstance(x, (tuple, list, torch.Size)):
        return [encode(y, writer, leaves) for y in x]
    if isinstance(x, dict):
        return {"dict": {k: encode(y, writer, leaves) for k, y in x.items()}}
    if isinstance(x, slice):
        return {"slice": [encode(y, writer, leaves) for y in (x.start, x.stop, x.step)]}
    if x is Ellipsis:
        return {"ellipsis": True}
    if isinstance(x, torch.dtype):
        return {"dtype": str(x).replace("torch.", "")}
    if isinstance(x, (torch.device, torch.layout, torch.memory_format)):
        return {"place": str(x)}
    return {"other": getattr(x, "__name__", type(x).__name__)}


def flat(x):
    """The tensors of a result; complex ones as pairs of reals."""
    if isinstance(x, torch.Tensor):
        return [torch.view_as_real(x.resolve_conj()) if x.is_complex() else x]
    if isinstance(x, (tuple, list)):
        return [y for z in x for y in flat(z)]
    if isinstance(x, dict):
        return [y for z in x.values() for y in flat(z)]
    if isinstance(x, (bool, int, float)):
        return [torch.tensor(x)]
    return []


def by_eigenvalue(w, x):
    order = torch.argsort(w.real.detach() + 1e-3 * w.imag.detach(), dim=-1)
    return torch.take_along_dim(x, order, -1)


def canonical(name, out):
    """What does not depend on free signs and phases: singular vectors are compared by their product, eigenvectors without signs."""
    if name in ("svd", "linalg.svd") and isinstance(out, tuple):
        u, s, v = out
        k = s.shape[-1]
        v = v[..., :k].mT if name == "svd" else v[..., :k, :]
        return (s, (u[..., :k] * s.unsqueeze(-2)) @ v)
    if name in ("linalg.eigh", "symeig"):
        return (out[0], out[1].abs())
    if name in ("linalg.qr", "qr"):
        q, r = out
        d = r.diagonal(dim1=-2, dim2=-1).detach()
        k = min(q.shape[-1], d.shape[-1])
        sign = torch.ones(r.shape[:-1], dtype=r.dtype)
        sign[..., :k] = torch.where(d[..., :k] < 0, -1.0, 1.0).to(r.dtype)
        return (q * sign[..., : q.shape[-1]].unsqueeze(-2), r * sign.unsqueeze(-1))
    if name == "linalg.lstsq" and isinstance(out, tuple):
        return out[0]
    if name == "linalg.eigvals":
        return by_eigenvalue(out, out)
    if name == "linalg.eig":
        return (by_eigenvalue(out[0], out[0]), by_eigenvalue(out[0].unsqueeze(-2), out[1].abs()))
    return out


def cotangents(outs):
    made = []
    for j, out in enumerate(outs):
        i = torch.arange(out.numel(), dtype=torch.int64)
        made.append((0.5 + ((37 * i + 11 * j) % 101).to(out.dtype) / 101).reshape(out.shape))
    return made


def gradients(outs, leaves):
    if not outs or not leaves:
        return None
    return torch.autograd.grad(outs, leaves, cotangents(outs), allow_unused=True)


def spread(items, most):
    items = list(items)
    return items if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


class Samples:
    def __init__(self, options):
        self.options, self.writer, self.cases, self.left = options, Writer(), [], {}

    def skip(self, name, why):
        self.left.setdefault(why, {}).setdefault(name, 0)
        self.left[why][name] += 1

    def keep(self, case, outs, parts):
        """A case with what came out."""
        case["outputs"] = [self.writer.add(x) for x in outs]
        followed = [i for i, x in enumerate(outs) if x.requires_grad and x.dtype.is_floating_point]
        grads = gradients([outs[i] for i in followed], parts)
        if grads is not None and followed != list(range(len(outs))):
            case["followed"] = followed
        if grads is not None:
            case["grads"] = [None if g is None else self.writer.add(g) for g in grads]
        self.cases.append(case)

    def operators(self):
        dtype = getattr(torch, self.options.dtype)
        for op in operators.op_db:
            name = op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")
            if self.options.only and self.options.only not in name or dtype not in op.dtypes:
                continue
            if op.name in RANDOM or op.name.startswith(("jiterator", "sparse")):
                self.skip(name, "random, sparse or an extension")
                continue
            differentiable = op.supports_autograd and dtype.is_floating_point
            torch.manual_seed(0)
            try:
                samples = self.small(name, op.sample_inputs("cpu", dtype, requires_grad=differentiable))
            except Exception as error:
                self.skip(name, f"no samples: {type(error).__name__}")
                continue
            for sample in samples:
                self.operator(op, name, sample)

    def small(self, name, samples):
        samples = list(samples)
        few = [s for s in samples if sum(x.numel() for x in flat([s.input, s.args])) <= self.options.numel]
        for _ in range(len(samples) - len(few)):
            self.skip(name, "larger than --numel")
        return spread(few, self.options.most)

    def operator(self, op, name, sample):
        call = [sample.input, *sample.args]
        if op.name == "__getitem__" and isinstance(call[1], list) and all(isinstance(k, int) for k in call[1]):
            call[1] = [call[1]]  # a list of integers is one key, any other list several
        if (op.name, op.variant_test_name) == ("linalg.pinv", "hermitian"):
            # As PyTorch's own gradient check has it: its formula holds for symmetric matrices.
            sample.input = sample.input + sample.input.mT
        leaves = []
        try:
            case = {
                "kind": "operator",
                "name": op.name,
                "variant": op.variant_test_name,
                "dtype": self.options.dtype,
                "args": encode(call, self.writer, leaves),
                "kwargs": {k: encode(v, self.writer, leaves) for k, v in sample.kwargs.items()},
            }
            if op.name == "unique" and "sorted" in sample.kwargs:
                sample.kwargs["sorted"] = True  # any other order is chance
                case["kwargs"]["sorted"] = True
            torch.manual_seed(0)
            outs = flat(canonical(op.name, op(sample.input, *sample.args, **sample.kwargs)))
            self.keep(case, outs, leaves)
            if op.name in TRIANGLES and case.get("grads"):
                self.triangle(op.name, sample, outs, leaves, case)
        except Complex:
            self.skip(name, "complex or 16-bit")
        except Exception as error:
            self.skip(name, f"PyTorch refuses: {type(error).__name__}")

    def triangle(self, name, sample, outs, leaves, case):
        """PyTorch's gradient by a triangular factor also fills the triangle that is not read."""
        place = TRIANGLES[name]
        upper = sample.kwargs.get("upper", False)
        grads = gradients(flat(canonical(name, operators_by_name(name)(sample.input, *sample.args, **sample.kwargs))), leaves)
        case["grads"][place] = self.writer.add(grads[place].triu() if upper else grads[place].tril())

    def modules(self):
        dtype = getattr(torch, self.options.dtype)
        for info in modules.module_db:
            name = info.module_cls.__name__
            if self.options.only and self.options.only not in name or dtype not in info.dtypes:
                continue
            for training in (False, True):
                torch.manual_seed(0)
                try:
                    inputs = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
                except Exception as error:
                    self.skip(name, f"no samples: {type(error).__name__}")
                    continue
                for sample in spread(inputs, self.options.most):
                    self.module(info, name, sample, training)

    def module(self, info, name, sample, training):
        made, given = sample.constructor_input, sample.forward_input
        leaves = []
        try:
            torch.manual_seed(0)
            module = info.module_cls(*made.args, **made.kwargs).to(getattr(torch, self.options.dtype))
            module.train(training)
            if given is None:
                return self.skip(name, "no input")
            if any(isinstance(x, torch.nn.parameter.UninitializedParameter) for x in module.parameters()):
                with torch.no_grad():
                    module(*given.args, **given.kwargs)
            if training and any(getattr(m, "dropout", 0) or getattr(m, "p", 0) for m in module.modules() if "Dropout" in type(m).__name__):
                for m in module.modules():
                    if isinstance(m, torch.nn.Dropout):
                        m.p = 0.0
            case = {
                "kind": "module",
                "name": name,
                "dtype": self.options.dtype,
                "training": training,
                "constructor_arguments": {
                    "args": encode(list(made.args), self.writer, None),
                    "kwargs": {k: encode(v, self.writer, None) for k, v in made.kwargs.items()},
                },
                "state": {k: self.writer.add(v) for k, v in module.state_dict().items()},
                "args": encode(list(given.args), self.writer, leaves),
                "kwargs": {k: encode(v, self.writer, leaves) for k, v in given.kwargs.items()},
            }
            parameters = dict(module.named_parameters())
            case["parameters"] = list(parameters)
            torch.manual_seed(0)
            outs = flat(module(*given.args, **given.kwargs))
            self.keep(case, outs, leaves + list(parameters.values()))
            case["after"] = {k: self.writer.add(v) for k, v in module.state_dict().items() if k not in parameters}
        except Complex:
            self.skip(name, "complex or 16-bit")
        except Exception as error:
            self.skip(name, f"PyTorch refuses: {type(error).__name__}")

    def optimizers(self):
        for cls, options in optimizer_options():
            name = cls.__name__
            if self.options.only and self.options.only not in name:
                continue
            torch.manual_seed(0)
            start = [torch.linspace(-1, 1.5, 6, dtype=torch.float64).reshape(2, 3), torch.tensor([0.3, -0.7], dtype=torch.float64)]
            case = {"kind": "optimizer", "name": name, "dtype": "float64", "options": {}, "args": [], "kwargs": {}}
            try:
                case["options"] = {k: encode(v, self.writer, None) for k, v in options.items()}
                case["state"] = {str(i): self.writer.add(p) for i, p in enumerate(start)}
                params = [p.clone().requires_grad_() for p in start]
                optimizer = cls(params, **options)

                def loss():
                    optimizer.zero_grad()
                    a, b = params
                    value = ((a.sin() * a).sum(0) * torch.tensor([1.0, 3.0, 0.5], dtype=torch.float64)).sum() + (b**4 + a[:, 0] * b).sum()
                    value.backward()
                    return value

                for _ in range(5):
                    optimizer.step(loss)
                case["outputs"] = [self.writer.add(p) for p in params]
                self.cases.append(case)
            except Complex:
                self.skip(name, "complex or 16-bit")
            except Exception as error:
                self.skip(name, f"PyTorch refuses: {type(error).__name__}")


def optimizer_options():
    """Classes with the options that PyTorch tries; without optim_db, which 1.13 lacks, the options of its documentation."""
    if optimizers is not None:
        for info in optimizers.optim_db:
            for sample in info.optim_inputs_func(device="cpu"):
                yield info.optim_cls, dict(sample.kwargs)
        return
    common = [{}, {"lr": 0.02}, {"lr": 0.02, "weight_decay": 0.1}, {"lr": 0.02, "weight_decay": 0.1, "maximize": True}]
    own = {
        "SGD": [{"lr": 0.02, "momentum": 0.9}, {"lr": 0.02, "momentum": 0.9, "nesterov": True}, {"lr": 0.02, "momentum": 0.9, "dampening": 0.5}],
        "Adam": [{"amsgrad": True}, {"betas": (0.5, 0.9), "eps": 1e-3}],
        "AdamW": [{"amsgrad": True}, {"betas": (0.5, 0.9), "eps": 1e-3}],
        "RMSprop": [{"centered": True, "momentum": 0.5}, {"momentum": 0.9}, {"alpha": 0.5}],
        "Adagrad": [{"lr_decay": 0.5}, {"initial_accumulator_value": 0.1}],
        "Adadelta": [{"rho": 0.5, "eps": 1e-3}],
        "NAdam": [{"momentum_decay": 6e-3}],
        "ASGD": [{"t0": 2, "lambd": 0.1}],
        "Rprop": [{"etas": (0.4, 1.3), "step_sizes": (1e-4, 1.0)}],
        "LBFGS": [{"max_iter": 5}, {"line_search_fn": "strong_wolfe"}],
    }
    for name in ["SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "ASGD", "Rprop", "LBFGS"]:
        for options in common + own.get(name, []):
            yield getattr(torch.optim, name), options


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--most", type=int, default=40, help="samples of an operator or module, evenly spread")
    parser.add_argument("--numel", type=int, default=20_000, help="elements of a sample's inputs at most")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--only", default="", help="operators, modules and optimizers whose names have this part")
    samples = Samples(parser.parse_args())
    samples.operators()
    if samples.options.dtype == "float64":
        samples.modules()
        samples.optimizers()
    folder = samples.options.folder
    os.makedirs(folder, exist_ok=True)
    samples.writer.write(os.path.join(folder, "samples.safetensors"))
    made = {"torch": torch.__version__, "dtype": samples.options.dtype, "left": samples.left, "cases": samples.cases}
    with open(os.path.join(folder, "samples.json"), "w") as out:
        json.dump(made, out, separators=(",", ":"))
    print(f"{len(samples.cases)} samples of torch {torch.__version__}")


main()
