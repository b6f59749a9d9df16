#!/usr/bin/perl
# metrics.pl [--names]: docs/metrics.md from the METRIC_ declarations in the checkout; --names: "name type labels" a line.
use strict;
use warnings;
use File::Basename;
use File::Find;
use Cwd 'realpath';

my $top = dirname(realpath($0)) . '/../..';
my $string = qr/"((?:[^"\\]|\\.)*)"/;
# Labels that are put together while the service runs: their names cannot be read off the declaration.
my %labels_made = (
    hubbub_http_requests_total => 'code, route',
    hubbub_rpc_calls_total     => 'method, service, status',
    hubbub_rpc_seconds         => 'method, service',
);
my %told_by = ('services/gateway' => 'gateway', 'services/presence' => 'presence', 'services/media' => 'media',
    'services/chat' => 'chat', 'lib/db' => 'chat', 'lib/mail' => 'chat', 'lib/bus' => 'chat, gateway, presence', 'lib/rpc' => 'all', 'lib/base' => 'all');
my %metrics;

sub add {
    my ($name, $type, $help, $labels, $file) = @_;
    my ($folder) = $file =~ m{^((?:services|lib)/\w+)};
    my $m = $metrics{$name} //= {type => lc $type, help => $help, labels => {}, by => $told_by{$folder} // die "$file: not in told_by\n"};
    die "$file: $name is a $m->{type} elsewhere\n" if $m->{type} ne lc $type;
    die "$file: $name has another help elsewhere\n" if $m->{help} ne $help;
    $m->{labels}{$_} = 1 for $labels =~ /(\w+)=\\"/g;
}

sub read_file {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$in>;
}

sub collect {
    my ($file) = @_;
    my $text = read_file("$top/$file");
    my @found = (0, 0);
    $text =~ s/\s*\\\n\s*/ /g; # lines of a macro that are continued
    $text =~ s/"\s*\n\s*"//g; # a string in two pieces
    while ($text =~ /METRIC_(COUNTER|GAUGE|HISTOGRAM)\(\s*$string,\s*$string,\s*((?:$string\s*)|[\w>().&-]+?)\)/g) {
        my ($type, $name, $help, $labels) = ($1, $2, $3, $4);
        die "$file: the labels of $name are made at run time: name them in labels_made\n" unless $labels =~ /^"/ || $labels_made{$name};
        add($name, $type, $help, $labels, $file);
        $found[0]++;
    }
    # #define ROW(kind, name, help, ...) ... METRIC_##kind("prefix" name, help, ...), then ROW(GAUGE, "name", "help", ...)
    while ($text =~ /#define (\w+)\(kind, name, help\b[^\n]*METRIC_##kind\($string name, help/g) {
        my ($macro, $prefix) = ($1, $2);
        while ($text =~ /\b$macro\((COUNTER|GAUGE|HISTOGRAM),\s*$string,\s*$string/gc) {
            add("$prefix$2", $1, $3, '', $file);
        }
        $found[1]++;
    }
    # A declaration that is not understood would be missing silently.
    my $seen = () = $text =~ /METRIC_(?:COUNTER|GAUGE|HISTOGRAM|##kind)\(/g;
    die "$file: $seen metrics are declared, " . ($found[0] + $found[1]) . " are understood\n" if $seen != $found[0] + $found[1];
}

my @files;
find({no_chdir => 1, wanted => sub { push @files, substr($_, length("$top/")) if /\.[ch]$/ && !/_test\.c$/ && !m{/lib/base/metric\.h$} }},
    "$top/lib", "$top/services");
collect($_) for sort @files;
my $own = read_file("$top/lib/base/metric.c");
add($1, $3, $2, '', 'lib/base/metric.c') while $own =~ /# HELP (process_\w+) ([^\\]+)\\n# TYPE \1 (\w+)/g;

sub labels_of {
    my ($name) = @_;
    return $labels_made{$name} // join ', ', sort keys %{$metrics{$name}{labels}};
}

if (@ARGV && $ARGV[0] eq '--names') {
    for my $name (sort keys %metrics) {
        (my $labels = labels_of($name)) =~ s/ //g;
        print "$name $metrics{$name}{type} $labels\n";
    }
    exit;
}
print <<'END';
# Metrics

What `/metrics` of each process tells Prometheus. Made from the code by `tools/docs/metrics.pl >docs/metrics.md`; a test compares.
Counters start at 0 with the process. A histogram NAME is read as NAME_bucket, NAME_sum and NAME_count, in seconds from 0.5 ms to
10 s. Labels hold route templates and names of methods, never ids. Alert rules that use them: `deploy/prometheus/alerts.yml`.

| metric | type | labels | told by | meaning |
| --- | --- | --- | --- | --- |
END
for my $name (sort keys %metrics) {
    my $m = $metrics{$name};
    (my $help = $m->{help}) =~ s/\|/\\|/g;
    printf "| `%s` | %s | %s | %s | %s |\n", $name, $m->{type}, labels_of($name), $m->{by}, $help;
}
