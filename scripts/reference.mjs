/**
 * @file The reference: a page of Markdown for the package and for each of its namespaces, made from the declarations and docstrings of the sources by
 * the TypeScript compiler. A symbol that several pages export is described on the first.
 */
import { join } from "node:path";
import ts from "typescript";
import { root } from "./setup.mjs";

const src = join(root, "src");

/** Entries of the package that the root does not have as namespaces. */
const BESIDE_THE_ROOT = { distributed: "distributed/index.ts", onnx: "onnx/index.ts", step: "runtime/wasm/step.ts" };

/** Pages by name, the public symbols that have no docstring, and types of ours that a public signature names and no page describes. */
export function reference() {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const entry = join(src, "index.ts");
  const beside = Object.entries(BESIDE_THE_ROOT).map(([name, file]) => [name, join(src, file)]);
  const program = ts.createProgram([entry, ...beside.map(([, file]) => file)], options);
  const checker = program.getTypeChecker();
  const original = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  const exportsOf = (module) => checker.getExportsOfModule(module).toSorted((a, b) => a.name.localeCompare(b.name, "en"));

  const top = exportsOf(checker.getSymbolAtLocation(program.getSourceFile(entry)));
  const isNamespace = (symbol) => (original(symbol).flags & ts.SymbolFlags.ValueModule) !== 0;
  const modules = [["nabla", top.filter((symbol) => !isNamespace(symbol))]];
  const addNamespace = (prefix) => (symbol) => {
    const own = exportsOf(original(symbol));
    modules.push([prefix + symbol.name, own.filter((inner) => !isNamespace(inner))]);
    own.filter(isNamespace).forEach(addNamespace(`${prefix}${symbol.name}.`));
  };
  top.filter(isNamespace).forEach(addNamespace(""));
  for (const [name, file] of beside) modules.push([name, exportsOf(checker.getSymbolAtLocation(program.getSourceFile(file)))]);

  const isKnown = new Set(modules.flatMap(([, symbols]) => symbols.map(original)));
  const typeOf = (node) => original(checker.getSymbolAtLocation(node));
  const pageOf = new Map();
  const undocumented = [];
  const unexported = [];
  const pages = new Map();
  for (const [name, symbols] of modules) {
    const sections = symbols.map((symbol) => {
      const target = original(symbol);
      const first = pageOf.get(target);
      if (first) return `### ${symbol.name}\n\nSee [${first}](${first}.md).\n`;
      pageOf.set(target, name);
      if (!target.declarations.some(isDocumented)) undocumented.push(`${name}.${symbol.name}`);
      unexported.push(
        ...namedTypes(target.declarations, checker, original)
          .filter((type) => !isKnown.has(type))
          .map((type) => `${type.name}, in ${name}.${symbol.name}`),
      );
      return section(symbol.name, target.declarations, (base) => isKnown.has(typeOf(base)));
    });
    pages.set(name, `# ${name}\n\n${sections.join("\n")}`);
  }
  const index = modules.map(([name, symbols]) => `* [${name}](${name}.md): ${symbols.map((symbol) => symbol.name).join(", ")}`);
  pages.set("README", `# Reference\n\nMade from the sources by \`npm run docs\`.\n\n${index.join("\n")}\n`);
  return { pages, undocumented, unexported };
}

/** The types of the sources that declarations name where a user meets them: parameters, results, properties, bounds, and what an alias stands for. */
function namedTypes(declarations, checker, original) {
  const found = new Set();
  const look = (node) => {
    if (ts.isBlock(node) || isInternal(node) || (ts.isClassElement(node) && !isPublic(node))) return;
    const name = ts.isTypeReferenceNode(node) ? node.typeName : ts.isTypeQueryNode(node) ? node.exprName : undefined;
    const named = name && checker.getSymbolAtLocation(ts.isQualifiedName(name) ? name.right : name);
    const symbol = named && original(named);
    const isOurs = symbol?.declarations?.[0]?.getSourceFile().fileName.startsWith(src);
    if (isOurs && !(symbol.flags & (ts.SymbolFlags.TypeParameter | ts.SymbolFlags.Value))) found.add(symbol);
    if (isOurs && symbol.flags & ts.SymbolFlags.Class) found.add(symbol);
    ts.forEachChild(node, (child) => {
      if (child !== node.initializer) look(child);
    });
  };
  const overloaded = declarations.length > 1;
  for (const node of declarations) {
    if (overloaded && ts.isFunctionDeclaration(node) && node.body) continue;
    look(ts.isFunctionDeclaration(node) ? ts.factory.updateFunctionDeclaration(node, node.modifiers, node.asteriskToken, node.name, node.typeParameters, node.parameters, node.type, undefined) : node); // biome-ignore format: one thought
  }
  return [...found];
}

/** The docstring of a declaration as Markdown, or nothing. */
function docOf(node) {
  const holder = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  const comment = ts.getJSDocCommentsAndTags(holder).findLast(ts.isJSDoc);
  if (!comment) return "";
  const lines = comment.getText().slice(3, -2).split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd()); // biome-ignore format: one thought
  const text = lines.join("\n").trim().replaceAll(/\{@link (\w+)\}/g, "`$1`"); // biome-ignore format: one thought
  return text.replaceAll(/\s*@throws \{(\w+)\}/g, "\n\nThrows `$1`").replaceAll(/\s*@param (\w+)/g, "\n\n`$1`:").trim(); // biome-ignore format: one thought
}

/** It has a docstring, or it is an interface that says of each member what it is. */
function isDocumented(node) {
  return docOf(node) !== "" || (ts.isInterfaceDeclaration(node) && node.members.every((member) => docOf(member) !== ""));
}

/** What the head of a declaration's file says of the literature, where its own docstring cites nothing. */
function sourceOf(node, doc) {
  const head = /@file ([\s\S]*?)\*\//.exec(node.getSourceFile().text)?.[1] ?? "";
  const text = head.replaceAll(/\s*\n \* ?/g, " ").trim();
  const isFunction = ts.isClassDeclaration(node) || ts.isFunctionDeclaration(node);
  return isFunction && /\b(1[89]|20)\d\d\b/.test(text) && !/\b(1[89]|20)\d\d\b/.test(doc) ? `*${text}*` : "";
}

/** A declaration without its body, on one line. */
function signature(node) {
  const end = node.body ? node.body.getStart() : node.getEnd();
  const text = node.getSourceFile().text.slice(node.getStart(), end);
  return text.replace(/^export /, "").replaceAll(/\/\*\*?[\s\S]*?\*\/|\/\/.*/g, "").replaceAll(/\s+/g, " ").replaceAll(/,? ([)\]}])/g, (_, close) => (close === "}" ? " }" : close)).replaceAll(/([([]) /g, "$1").replace(/;$/, "").trim(); // biome-ignore format: one thought
}

const isInternal = (node) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "internal");

const isPublic = (member) =>
  !isInternal(member) &&
  !(ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected | ts.ModifierFlags.Override)) &&
  !(member.name && ts.isPrivateIdentifier(member.name)) &&
  !ts.isSetAccessor(member);

/** Of a property without a written type only the name: its value may be long. */
const memberSignature = (member) =>
  ts.isPropertyDeclaration(member) && member.initializer
    ? `${member.name.getText()}${member.type ? `: ${member.type.getText()}` : ""}`
    : signature(member);

function membersOf(node) {
  if (!ts.isClassDeclaration(node) && !ts.isInterfaceDeclaration(node)) return [];
  return node.members.filter(isPublic);
}

function headOf(node, isKnown) {
  if (ts.isVariableDeclaration(node)) return `const ${node.name.getText()}${node.type ? `: ${node.type.getText()}` : ""}`;
  if (!ts.isClassDeclaration(node) && !ts.isInterfaceDeclaration(node)) return signature(node);
  // A base that no page describes is a way to write the class; it is shown by what it gives.
  const clauses = (node.heritageClauses ?? []).filter(({ types }) => types.every(({ expression }) => isKnown(expression)));
  const parts = [node.name, ...clauses].map((part) => part.getText());
  return `${ts.isClassDeclaration(node) ? "class" : "interface"} ${parts.join(" ")}`;
}

function section(name, declarations, isKnown) {
  // Of an overloaded function the signature of the implementation is not public.
  const shown = declarations.length > 1 ? declarations.filter((node) => !(ts.isFunctionDeclaration(node) && node.body)) : declarations;
  const members = shown.flatMap(membersOf);
  // What is exported under another name is shown under that.
  const head = (node) => headOf(node, isKnown).replace(/^((?:async )?function )\w+/, `$1${name}`);
  const code = shown.flatMap((node) => [head(node), ...membersOf(node).map((member) => `  ${memberSignature(member)}`)]);
  const docs = [...new Set(declarations.map(docOf).filter(Boolean))];
  const notes = members.flatMap((member) => {
    const doc = docOf(member);
    return doc ? [`* \`${member.name ? member.name.getText() : "constructor"}\`: ${doc.replaceAll(/\n+/g, " ")}`] : [];
  });
  const source = sourceOf(declarations[0], docs.join(" "));
  return [
    `### ${name}`,
    ...docs,
    ...(source ? [source] : []),
    `\`\`\`ts\n${code.join("\n")}\n\`\`\``,
    ...(notes.length > 0 ? [notes.join("\n")] : []),
  ]
    .join("\n\n")
    .concat("\n");
}
