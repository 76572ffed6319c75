/** Texts in the manner of the GitHub Flavored Markdown specification's sections, for what CommonMark does not have. */
export const GFM_EXAMPLES: readonly string[] = [
  // Tables
  "| foo | bar |\n| --- | --- |\n| baz | bim |",
  "| abc | defghi |\n:-: | -----------:\nbar | baz",
  "| f\\|oo  |\n| ------ |\n| b `\\|` az |\n| b **\\|** im |",
  "| abc | def |\n| --- | --- |\n| bar | baz |\n> bar",
  "| abc | def |\n| --- | --- |\n| bar | baz |\nbar\n\nbar",
  "| abc | def |\n| --- |\n| bar |",
  "| abc | def |\n| --- | --- |\n| bar |\n| bar | baz | boo |",
  "| abc | def |\n| --- | --- |",
  "| a |\n| - |\n| x<br>y<br/>z |\n| <br> |",
  "| a | b |\n| - | - |\n| [x](https://example.com/a|b) | `c|d` |\n| \\| | \\\\| |",
  "- | a |\n  | - |\n  | b |\n\n> | a |\n> | - |\n> | b |",
  // Task lists
  "- [ ] foo\n- [x] bar",
  "- [x] foo\n  - [ ] bar\n  - [x] baz\n- [ ] bim",
  "1. [ ]\n2. [x]\n3. [ ] a",
  "- [ ] <!-- hidden -->\n- [x]\n- [X] b",
  // Strikethrough
  "~~Hi~~ Hello, ~there~ world!",
  "This ~~has a\n\nnew paragraph~~.",
  "This will ~~~not~~~ strike. a ~b~~ c~ ~~d~",
  // Autolinks
  "www.commonmark.org",
  "Visit www.commonmark.org/help for more information.",
  "Visit www.commonmark.org.\n\nVisit www.commonmark.org/a.b.",
  "www.google.com/search?q=Markup+(business)\n\nwww.google.com/search?q=Markup+(business)))\n\n(www.google.com/search?q=Markup+(business))",
  "www.google.com/search?q=(business))+ok",
  "www.google.com/search?q=commonmark&hl=en\n\nwww.google.com/search?q=commonmark&hl;",
  "www.commonmark.org/he<lp",
  "http://commonmark.org\n\n(Visit https://encrypted.google.com/search?q=Markup+(business))\n\nAnonymous FTP is available at ftp://foo.bar.baz.",
  "foo@bar.baz",
  "hello@mail+xyz.example isn't valid, but hello+xyz@mail.example is.",
  "a.b-c_d@a.b\n\na.b-c_d@a.b.\n\na.b-c_d@a.b-\n\na.b-c_d@a.b_",
  "mailto:foo@bar.baz\n\nmailto:a.b-c_d@a.b\n\nmailto:a.b-c_d@a.b.\n\nmailto:a.b-c_d@a.b/\n\nmailto:a.b-c_d@a.b-",
  "xmpp:foo@bar.baz\n\nxmpp:foo@bar.baz.\n\nxmpp:foo@bar.baz/txt\n\nxmpp:foo@bar.baz/txt@bin\n\nxmpp:foo@bar.baz/txt@bin.com",
  "<xmpp:a@b.cc> a.b@<xmpp:foo@bar.baz> **xmpp:a@b.cc** [xmpp:a@b.cc](https://example.com)",
  "\\xmpp:a\\@b.cc xmpp\\:a@b.cc xmpp&#58;a&#64;b.cc mailto\\:a\\@b.cc http\\://a.example www\\.a.example ftp\\://a.example",
  "xmpp:<b></b>a@b.cc x<b></b>mpp:a@b.cc ht<i></i>tp://a.example ww<i></i>w.a.example",
  // Disallowed raw HTML
  "<strong> <title> <style> <em>\n\n<blockquote>\n  <xmp> is disallowed.  <XMP> is also disallowed.\n</blockquote>",
  "<p>Tom &amp; Jerry &lt;b&gt; &copy; &#64;octocat &bogus; \\&amp;</p>",
  // Footnotes
  "Here is a footnote reference,[^1] and another.[^longnote]\n\n[^1]: Here is the footnote.\n\n[^longnote]: Here's one with multiple blocks.\n\n    Subsequent paragraphs are indented.",
  "a[^1] b[^1] c[^2]\n\n[^1]: x[^2]\n[^2]: y[^1]\n[^3]: unused",
  "a[^1]\n\n[^1]: <!-- nothing -->\n\nb[^2]\n\n[^2]:",
  // Alerts
  "> [!NOTE]\n> Useful.\n\n> [!TIP]\n> Helpful.\n\n> \\[!NOTE]\n> Text.\n\n> [!NOTE] text\n\n> [!note]\n> a",
  // What sanitizing leaves empty
  "- Add a test\n  - <!-- x -->\n- b",
  "#### <!-- x -->\n\n## \n\n** <!-- --> ** [](https://example.com/a) [<!-- -->](https://example.com) ![](https://example.com/a)",
  "> <!-- x -->\n\n1. <!-- x -->\n2. b",
];
