/**
 * Has the engine compile a bundle's modules once. A function that is only written down is parsed twice, first to find
 * its end, then again when it is called; one in parentheses is compiled at once. A bundle is hundreds of such functions,
 * one a module, and nearly all of a file's are called as soon as it is loaded.
 */
import ts from "typescript";

interface Edit {
  from: number;
  to: number;
  text: string;
}

/** `{ 123: (module) => {…}, … }`: how webpack writes the modules of a file. */
function isModuleTable(node: ts.Node): node is ts.ObjectLiteralExpression {
  return (
    ts.isObjectLiteralExpression(node) &&
    node.properties.length > 0 &&
    node.properties.every((each) => each.name !== undefined && ts.isNumericLiteral(each.name))
  );
}

function wrapped(property: ts.ObjectLiteralElementLike, source: ts.SourceFile): Edit[] {
  if (!ts.isPropertyAssignment(property)) return [];
  const { initializer } = property;
  const [start, end] = [initializer.getStart(source), initializer.end];
  if (ts.isFunctionExpression(initializer)) {
    return [
      { from: start, to: start, text: "(" },
      { from: end, to: end, text: ")" },
    ];
  }
  if (!ts.isArrowFunction(initializer) || !ts.isBlock(initializer.body)) return [];
  // The engine heeds parentheses around a `function` alone. webpack writes an arrow only where `this` is not used.
  const parameters = initializer.parameters.map((each) => each.getText(source)).join(",");
  return [
    { from: start, to: initializer.body.getStart(source), text: `(function(${parameters})` },
    { from: end, to: end, text: ")" },
  ];
}

/** The same code, with every module of it compiled when the file is. */
export function compiledOnce(code: string): string {
  const source = ts.createSourceFile("bundle.js", code, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS);
  const edits: Edit[] = [];
  const visit = (node: ts.Node): void => {
    if (isModuleTable(node)) edits.push(...node.properties.flatMap((each) => wrapped(each, source)));
    else ts.forEachChild(node, visit);
  };
  visit(source);
  let result = "";
  let at = 0;
  for (const { from, to, text } of edits) {
    result += code.slice(at, from) + text;
    at = to;
  }
  return result + code.slice(at);
}
