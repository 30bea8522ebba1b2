#!/usr/bin/env perl
# forget-paths.pl <directory of cargo's output> <in> <out>: moves a file, without the names of where it was built.
#
# Rust keeps the place of each dependency's source for its panic messages. OpenSSL keeps its own build directory as the
# place of its plug-ins, from which whoever may write there could load code into a program. Both are overwritten by a
# directory of the same length that never exists.
use strict;
use warnings;

my ($built, $in, $out) = @ARGV;

sub nowhere { return substr('/nonexistent' . '/' x length $_[0], 0, length $_[0]); }

# cargo's own notes name the sources, as "/home/me/.cargo/registry/src/index/crate-1.0.0/src/lib.rs:".
sub sources {
    my %directories;
    opendir my $deps, "$built/deps" or return;
    for my $notes (grep { /\.d$/ } readdir $deps) {
        open my $file, '<', "$built/deps/$notes" or die "$built/deps/$notes: $!\n";
        while (<$file>) {
            next unless m{^(/.+)/[^/]+/src/lib\.rs:$};
            $directories{ $1 =~ s/\\ / /gr } = 1;
        }
    }
    return keys %directories;
}

sub slurp {
    open my $file, '<:raw', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$file>;
}

my $bytes = slurp($in);
for my $directory (sources()) {
    $bytes =~ s{\Q$directory\E(?=/)}{nowhere($directory)}ge;
}
$bytes =~ s{(?<=["\0])(/[^"\0\n]+)(?=/build/[\w.-]+-[0-9a-f]{16}/out/)}{nowhere($1)}ge;

open my $file, '>:raw', $out or die "$out: $!\n";
print {$file} $bytes or die "$out: $!\n";
close $file or die "$out: $!\n";
chmod((stat $in)[2] & 07777, $out) or die "$out: $!\n";
unlink $in or die "$in: $!\n";
