// YAML for people: no anchors, and lists and small maps of plain values on one line.
import { Document, isMap, isPair, isScalar, isSeq, visit } from "yaml";

/** @param flowKeys maps under these keys' lists are written on one line, too */
export function yamlText(value: unknown, flowKeys: readonly string[] = []): string {
  return documentText(new Document(value, { aliasDuplicateObjects: false }), flowKeys);
}

/** The same for a document that is built already (tags stay). */
export function documentText(document: Document, flowKeys: readonly string[] = []): string {
  visit(document, {
    Collection(_, node, path) {
      const items = isMap(node) ? node.items.map(({ value }) => value) : isSeq(node) ? node.items : [];
      const key = path.findLast(isPair)?.key;
      const isListed = isScalar(key) && flowKeys.includes(String(key.value));
      if (items.every(isScalar) && (isSeq(node) || isListed)) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0 });
}
