//! The elements and attributes that may stay, by name: everything that draws, nothing that runs, links or tells of
//! its maker. What is not listed goes.

/// How the value of an attribute is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers, lists, words and names; no functions that fetch.
    Plain,
    /// A value as in a style.
    Css,
    /// Values as in a style between semicolons.
    Steps,
    /// Declarations.
    Style,
    /// The name of another attribute.
    Target,
}

#[rustfmt::skip]
const ELEMENTS: &[&str] = &[
    "a", "animate", "animateColor", "animateMotion", "animateTransform", "circle", "clipPath", "defs", "ellipse",
    "feBlend", "feColorMatrix", "feComponentTransfer", "feComposite", "feConvolveMatrix", "feDiffuseLighting",
    "feDisplacementMap", "feDistantLight", "feDropShadow", "feFlood", "feFuncA", "feFuncB", "feFuncG", "feFuncR",
    "feGaussianBlur", "feImage", "feMerge", "feMergeNode", "feMorphology", "feOffset", "fePointLight",
    "feSpecularLighting", "feSpotLight", "feTile", "feTurbulence", "filter", "g", "image", "line", "linearGradient",
    "marker", "mask", "mpath", "path", "pattern", "polygon", "polyline", "radialGradient", "rect", "set", "stop",
    "style", "svg", "switch", "symbol", "text", "textPath", "title", "tref", "tspan", "use", "view",
];

const ANIMATIONS: [&str; 5] = ["animate", "animateColor", "animateMotion", "animateTransform", "set"];

/// Elements whose text is shown.
const TEXTS: [&str; 4] = ["text", "textPath", "title", "tspan"];

#[rustfmt::skip]
const CSS: &[&str] = &[
    "alignment-baseline", "baseline-shift", "clip", "clip-path", "clip-rule", "color", "color-interpolation",
    "color-interpolation-filters", "color-rendering", "cursor", "direction", "display", "dominant-baseline",
    "enable-background", "fill", "fill-opacity", "fill-rule", "filter", "flood-color", "flood-opacity", "font",
    "font-family", "font-feature-settings", "font-kerning", "font-size", "font-size-adjust", "font-stretch",
    "font-style", "font-variant", "font-variation-settings", "font-weight", "glyph-orientation-horizontal",
    "glyph-orientation-vertical", "gradientTransform", "image-rendering", "isolation", "kerning", "letter-spacing",
    "lighting-color", "line-height", "marker", "marker-end", "marker-mid", "marker-start", "mask", "mask-type",
    "mix-blend-mode", "opacity", "overflow", "paint-order", "patternTransform", "pointer-events", "shape-rendering",
    "solid-color", "solid-opacity", "stop-color", "stop-opacity", "stroke", "stroke-dasharray", "stroke-dashoffset",
    "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width", "text-align",
    "text-anchor", "text-decoration", "text-overflow", "text-rendering", "text-transform", "transform",
    "transform-box", "transform-origin", "unicode-bidi", "vector-effect", "visibility", "white-space",
    "word-spacing", "writing-mode",
];

#[rustfmt::skip]
const PLAIN: &[&str] = &[
    "accumulate", "additive", "amplitude", "attributeType", "azimuth", "baseFrequency", "begin", "bias", "calcMode",
    "class", "clipPathUnits", "cx", "cy", "d", "diffuseConstant", "divisor", "dur", "dx", "dy", "edgeMode",
    "elevation", "end", "exponent", "filterRes", "filterUnits", "fr", "fx", "fy", "gradientUnits", "height", "id",
    "in", "in2", "intercept", "k1", "k2", "k3", "k4", "kernelMatrix", "kernelUnitLength", "keyPoints", "keySplines",
    "keyTimes", "lang", "lengthAdjust", "limitingConeAngle", "markerHeight", "markerUnits", "markerWidth",
    "maskContentUnits", "maskUnits", "max", "media", "method", "min", "mode", "numOctaves", "offset", "operator",
    "order", "orient", "origin", "path", "pathLength", "patternContentUnits", "patternUnits", "points", "pointsAtX",
    "pointsAtY", "pointsAtZ", "preserveAlpha", "preserveAspectRatio", "primitiveUnits", "r", "radius", "refX",
    "refY", "repeatCount", "repeatDur", "requiredExtensions", "requiredFeatures", "restart", "result", "role",
    "rotate", "rx", "ry", "scale", "seed", "side", "slope", "spacing", "specularConstant", "specularExponent",
    "spreadMethod", "startOffset", "stdDeviation", "stitchTiles", "surfaceScale", "systemLanguage", "tableValues",
    "targetX", "targetY", "textLength", "type", "version", "viewBox", "width", "x", "x1", "x2", "xChannelSelector",
    "y", "y1", "y2", "yChannelSelector", "z", "zoomAndPan",
];

/// Attributes that no animation may set: they decide what other things refer to.
const FIXED: [&str; 6] = ["class", "id", "lang", "media", "role", "type"];

/// Whether an element of SVG may stay.
pub(super) fn is_element(name: &str) -> bool {
    ELEMENTS.binary_search(&name).is_ok()
}

/// Whether an element changes an attribute over time.
pub(super) fn is_animation(name: &str) -> bool {
    ANIMATIONS.contains(&name)
}

/// Whether the text within an element is shown.
pub(super) fn shows_text(name: &str) -> bool {
    TEXTS.contains(&name)
}

/// How an attribute in no namespace is judged; nothing when it goes. Links are judged elsewhere.
pub(super) fn kind(name: &str) -> Option<Kind> {
    match name {
        "style" => Some(Kind::Style),
        "attributeName" => Some(Kind::Target),
        "by" | "from" | "to" | "values" => Some(Kind::Steps),
        name if CSS.binary_search(&name).is_ok() => Some(Kind::Css),
        name if name.starts_with("aria-") || PLAIN.binary_search(&name).is_ok() => Some(Kind::Plain),
        _ => None,
    }
}

/// Whether an animation may change an attribute: one that draws.
pub(super) fn is_animatable(name: &str) -> bool {
    let draws = matches!(kind(name), Some(Kind::Plain | Kind::Css)) && !name.starts_with("aria-");
    draws && !FIXED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order_and_hold_nothing_that_runs() {
        for list in [ELEMENTS, CSS, PLAIN] {
            assert!(list.is_sorted_by(|a, b| a < b));
        }
        for name in
            ["script", "foreignObject", "iframe", "handler", "discard", "metadata", "desc", "audio", "A"]
        {
            assert!(!is_element(name), "{name}");
        }
        for name in
            ["onload", "onbegin", "href", "src", "ping", "target", "data", "xmlns", "content", "data-x"]
        {
            assert_eq!(kind(name), None, "{name}");
        }
        for name in ["href", "style", "onload", "class", "id", "attributeName", "values", "xlink:href"] {
            assert!(!is_animatable(name), "{name}");
        }
        assert!(is_animatable("fill") && is_animatable("cx"));
    }
}
