type Listeners = {
  [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => unknown;
};

/** What `element` of view/element.js takes: attributes, and listeners by the names of events. */
interface ElementAttributes {
  [attribute: string]: string | number | boolean | null | undefined | ((event: any) => unknown);
}
interface ElementAttributes extends Listeners {}
