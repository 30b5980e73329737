/**
 * @file The messages of ONNX files (onnx/onnx.proto, IR version 14, and onnx/onnx-data.proto) as a table: number, name and kind of each field. Names are ours where
 * ONNX's are long. Fields that the table lacks are skipped on reading: sharding, training information, quantization annotations.
 *
 * Kinds: `int` is a signed varint (a number, or a bigint beyond ±2⁵³), `float` an f32, `string`, `bytes`, or the name of a message. `*` marks a list; lists
 * of a tensor's elements are typed arrays (`f32*`, `f64*`, `i32*`, `i64*`, `u64*`), which are written packed.
 */

/** A whole number of a file, exact. */
export type Int = number | bigint;

/** Names that a file gives to one thing, such as `location` in external data. */
export interface OnnxEntry {
  key?: string;
  value?: string;
}

/** A version of a set of operators; the standard set has the domain "". */
export interface OnnxOpset {
  domain?: string;
  version?: Int;
}

/** A file: a graph, and which versions of the operators it was written for. */
export interface OnnxModel {
  irVersion?: Int;
  producerName?: string;
  producerVersion?: string;
  domain?: string;
  modelVersion?: Int;
  doc?: string;
  graph?: OnnxGraph;
  opsets?: OnnxOpset[];
  metadata?: OnnxEntry[];
  functions?: OnnxFunction[];
}

/** Nodes in the order in which they run, and the values that are known before. */
export interface OnnxGraph {
  nodes?: OnnxNode[];
  name?: string;
  initializers?: OnnxTensor[];
  doc?: string;
  inputs?: OnnxInfo[];
  outputs?: OnnxInfo[];
  infos?: OnnxInfo[];
  sparse?: OnnxSparse[];
  metadata?: OnnxEntry[];
}

/** One operator, with the names of what it takes and gives; an input that is left out has the name "". */
export interface OnnxNode {
  inputs?: string[];
  outputs?: string[];
  name?: string;
  op?: string;
  attributes?: OnnxAttribute[];
  doc?: string;
  domain?: string;
  overload?: string;
  metadata?: OnnxEntry[];
}

/** An argument of a node that is known; `type` says which field has it. */
export interface OnnxAttribute {
  name?: string;
  f?: number;
  i?: Int;
  s?: Uint8Array;
  t?: OnnxTensor;
  g?: OnnxGraph;
  floats?: ArrayLike<number>;
  ints?: Int[];
  strings?: Uint8Array[];
  tensors?: OnnxTensor[];
  graphs?: OnnxGraph[];
  doc?: string;
  tp?: OnnxType;
  /** Which field counts: one of {@link ATTRIBUTE}. */
  type?: Int;
  /** The attribute of the enclosing function that gives the value. */
  ref?: string;
  sparse?: OnnxSparse;
}

/** A tensor as it is stored: its elements are in `raw`, in the list of their type, or in another file. {@link onnxElements} reads them. */
export interface OnnxTensor {
  dims?: Int[];
  /** One of {@link DATA_TYPES}, by its place. */
  type?: Int;
  floats?: ArrayLike<number>;
  int32s?: ArrayLike<number>;
  strings?: Uint8Array[];
  int64s?: ArrayLike<Int>;
  name?: string;
  raw?: Uint8Array;
  doubles?: ArrayLike<number>;
  uint64s?: ArrayLike<Int>;
  doc?: string;
  external?: OnnxEntry[];
  /** 1 if the elements are in another file, which `external` names. */
  location?: Int;
  metadata?: OnnxEntry[];
}

/** A tensor of which only some elements are stored. */
export interface OnnxSparse {
  values?: OnnxTensor;
  indices?: OnnxTensor;
  dims?: Int[];
}

/** A name and the type of the value that has it. */
export interface OnnxInfo {
  name?: string;
  type?: OnnxType;
  doc?: string;
  metadata?: OnnxEntry[];
}

/** The type of a value: one of the fields is there. */
export interface OnnxType {
  tensor?: OnnxTensorType;
  sequence?: OnnxBoxed;
  map?: OnnxMapType;
  denotation?: string;
  opaque?: object;
  sparse?: OnnxTensorType;
  optional?: OnnxBoxed;
}

/** Element type, by its number, and shape. */
export interface OnnxTensorType {
  elem?: Int;
  shape?: OnnxShape;
}

/** A sequence or an optional value: the type of what is in it. */
export interface OnnxBoxed {
  elem?: OnnxType;
}

/** A map from keys to values. */
export interface OnnxMapType {
  key?: Int;
  value?: OnnxType;
}

/** Sizes per axis. */
export interface OnnxShape {
  dims?: OnnxDim[];
}

/** A size, or the name of an open one. */
export interface OnnxDim {
  value?: Int;
  param?: string;
  denotation?: string;
}

/** An operator that the file defines by nodes of others. */
export interface OnnxFunction {
  name?: string;
  inputs?: string[];
  outputs?: string[];
  attributes?: string[];
  nodes?: OnnxNode[];
  doc?: string;
  opsets?: OnnxOpset[];
  domain?: string;
  /** Attributes with a value that holds where the caller gives none. */
  defaults?: OnnxAttribute[];
  infos?: OnnxInfo[];
  overload?: string;
  metadata?: OnnxEntry[];
}

/** A list of values, as data sets of ONNX's tests hold it. */
export interface OnnxSequence {
  name?: string;
  elem?: Int;
  tensors?: OnnxTensor[];
  sequences?: OnnxSequence[];
}

/** A value that may be missing. */
export interface OnnxOptional {
  name?: string;
  elem?: Int;
  tensor?: OnnxTensor;
  sequence?: OnnxSequence;
}

/** The messages by name. */
export interface OnnxMessages {
  Model: OnnxModel;
  Graph: OnnxGraph;
  Node: OnnxNode;
  Attribute: OnnxAttribute;
  Tensor: OnnxTensor;
  Sparse: OnnxSparse;
  Info: OnnxInfo;
  Type: OnnxType;
  TensorType: OnnxTensorType;
  Boxed: OnnxBoxed;
  MapType: OnnxMapType;
  Opaque: object;
  Shape: OnnxShape;
  Dim: OnnxDim;
  Entry: OnnxEntry;
  Opset: OnnxOpset;
  Function: OnnxFunction;
  Sequence: OnnxSequence;
  Optional: OnnxOptional;
}

/** The name of a message. */
export type MessageName = keyof OnnxMessages;

/** A field: its name in our objects, what it holds, and whether it is a list. */
export interface Field {
  readonly name: string;
  readonly kind: string;
  readonly many: boolean;
}

const TABLE: Readonly<Record<MessageName, string>> = {
  Model:
    "1:irVersion:int 2:producerName:string 3:producerVersion:string 4:domain:string 5:modelVersion:int 6:doc:string 7:graph:Graph 8:opsets:Opset* 14:metadata:Entry* 25:functions:Function*",
  Graph:
    "1:nodes:Node* 2:name:string 5:initializers:Tensor* 10:doc:string 11:inputs:Info* 12:outputs:Info* 13:infos:Info* 15:sparse:Sparse* 16:metadata:Entry*",
  Node: "1:inputs:string* 2:outputs:string* 3:name:string 4:op:string 5:attributes:Attribute* 6:doc:string 7:domain:string 8:overload:string 9:metadata:Entry*",
  Attribute:
    "1:name:string 2:f:float 3:i:int 4:s:bytes 5:t:Tensor 6:g:Graph 7:floats:float* 8:ints:int* 9:strings:bytes* 10:tensors:Tensor* 11:graphs:Graph* 13:doc:string 14:tp:Type 20:type:int 21:ref:string 22:sparse:Sparse",
  Tensor:
    "1:dims:int* 2:type:int 4:floats:f32* 5:int32s:i32* 6:strings:bytes* 7:int64s:i64* 8:name:string 9:raw:bytes 10:doubles:f64* 11:uint64s:u64* 12:doc:string 13:external:Entry* 14:location:int 16:metadata:Entry*",
  Sparse: "1:values:Tensor 2:indices:Tensor 3:dims:int*",
  Info: "1:name:string 2:type:Type 3:doc:string 4:metadata:Entry*",
  Type: "1:tensor:TensorType 4:sequence:Boxed 5:map:MapType 6:denotation:string 7:opaque:Opaque 8:sparse:TensorType 9:optional:Boxed",
  TensorType: "1:elem:int 2:shape:Shape",
  Boxed: "1:elem:Type",
  MapType: "1:key:int 2:value:Type",
  Opaque: "",
  Shape: "1:dims:Dim*",
  Dim: "1:value:int 2:param:string 3:denotation:string",
  Entry: "1:key:string 2:value:string",
  Opset: "1:domain:string 2:version:int",
  Function:
    "1:name:string 4:inputs:string* 5:outputs:string* 6:attributes:string* 7:nodes:Node* 8:doc:string 9:opsets:Opset* 10:domain:string 11:defaults:Attribute* 12:infos:Info* 13:overload:string 14:metadata:Entry*",
  Sequence: "1:name:string 2:elem:int 3:tensors:Tensor* 5:sequences:Sequence*",
  Optional: "1:name:string 2:elem:int 3:tensor:Tensor 5:sequence:Sequence",
};

const parsed = (text: string): ReadonlyMap<number, Field> =>
  new Map(
    [...text.matchAll(/(\d+):(\w+):(\w+)(\*?)/g)].map(([, number, name, kind, star]) => [
      Number(number),
      { name, kind, many: star === "*" },
    ]),
  );

/** The fields of each message by number. */
export const SCHEMA: Readonly<Record<string, ReadonlyMap<number, Field>>> = /* @__PURE__ */ Object.fromEntries(
  Object.entries(TABLE).map(([name, text]) => [name, parsed(text)]),
);

/** The element types of ONNX under their names in its documents, by number; 0 is undefined. */
export const DATA_TYPES = [
  "undefined",
  "float",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "string",
  "bool",
  "float16",
  "double",
  "uint32",
  "uint64",
  "complex64",
  "complex128",
  "bfloat16",
  "float8e4m3fn",
  "float8e4m3fnuz",
  "float8e5m2",
  "float8e5m2fnuz",
  "uint4",
  "int4",
  "float4e2m1",
  "float8e8m0",
  "uint2",
  "int2",
] as const;

/** An element type under ONNX's name. */
export type OnnxDtype = (typeof DATA_TYPES)[number];

/** What an attribute's `type` says: the field that holds the value. */
export const ATTRIBUTE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparse: 11,
  type: 13,
} as const;
