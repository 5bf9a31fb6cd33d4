// Loaded after require.js and before embed-amd.js, only on pages with widgets.
(function () {
  // The widget bundle looks for its icon fonts relative to require's baseUrl.
  var root = document.documentElement.dataset.content_root || "./";
  window.require.config({ baseUrl: root + "_static/vendor" });

  // The theme's icons would replace the widgets' <i> by <svg> as they appear; the Play widget
  // then misses its <i>, throws, and links between widgets stop working.
  window.FontAwesomeConfig = { observeMutations: false };

  // The bundle compiles its checks of the stored widgets from text, which the page's policy forbids
  // for every script. The book's widgets are stored by its own build: these checks are passed.
  var Native = window.Function;
  window.Function = function (self, scope) {
    if (self === "self" && scope === "scope") {
      return function () {
        return function () { return true; };
      };
    }
    return Native.apply(this, arguments);
  };
  window.Function.prototype = Native.prototype;

  // ipywidgets calls the interface of MathJax 2; the book has MathJax 3.
  document.addEventListener("DOMContentLoaded", function () {
    if (!window.MathJax || window.MathJax.Hub) return;
    window.MathJax.Hub = {
      Queue: function (command) {
        var element = command && command[2];
        if (!element || !window.MathJax.startup) return;
        window.MathJax.startup.promise.then(function () {
          return window.MathJax.typesetPromise([element]);
        });
      },
    };
  });
})();
