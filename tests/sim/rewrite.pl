# The file with the text $ANCHOR, which must be there exactly once, replaced by $BY.
use strict;
local $/;
my $text = <>;
my ($anchor, $by) = @ENV{qw(ANCHOR BY)};
my $first = index($text, $anchor);
die "$ARGV: the anchor is gone: $anchor\n" if $first < 0;
die "$ARGV: the anchor is there twice: $anchor\n" if index($text, $anchor, $first + 1) >= 0;
substr($text, $first, length $anchor) = $by;
print $text;
