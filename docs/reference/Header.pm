package Header;

# async_producer.h as data: its macros, types and functions, each with its comment taken apart. What makes the reference
# (docs/reference/filter, scripts/man-pages) reads the header here and nowhere else.
#
#   my $header = Header::read($path);
#
# $header->{items} has a hash for each item, in the order of the file:
#
#   kind       macro, enum, struct, opaque, alias, callback or function
#   name
#   code       the declaration, as in the header
#   comment    see Header::comment
#   values     of an enum: {name, value, comment}
#   fields     of a struct: {name, code, comment}
#   answer     of a function and a callback: its type
#   arguments  of both: a list of "const void *key"
#
# What has no comment is an error: the reference is complete or not made at all.

use strict;
use warnings;

my $INDENT = 11; # of what stands behind "Returns:" and the like

sub read {
    my ($path) = @_;
    open my $file, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    my $text = <$file>;
    $text =~ s/^#ifdef __cplusplus\n.*?^#endif.*?\n//gms;
    my $header = {items => []};
    $text =~ s{\A/\*\n(.*?)\*/\n}{}s or die "$path: no comment at its beginning\n";
    $header->{about} = comment($1);
    push @{ $header->{items} }, next_item($path, \$text) while has_more(\$text);
    return $header;
}

# Passes over blanks and over directives that declare nothing of the ABI.
sub has_more {
    my ($text) = @_;
    1 while $$text =~ s/\A\s+// || $$text =~ s/\A#\s*(?:ifndef|include|if|else|endif|define ASYNC_PRODUCER_H)\b.*\n//;
    return length $$text;
}

sub next_item {
    my ($path, $text) = @_;
    my $comment;
    $comment = comment($1) if $$text =~ s{\A/\*\*(.*?)\*/}{}s;
    has_more($text);
    my $item
        = $$text =~ s/\A(#\s*define (\w+)(?:.*\\\n)*.*)\n// ? {kind => 'macro', name => $2, code => $1}
        : $$text =~ s/\Atypedef enum (\w+) \{([^}]*)\} \w+;// ? {kind => 'enum', name => $1, values => values_of($2)}
        : $$text =~ s/\Atypedef struct (\w+) \{([^}]*)\} \1;// ? {kind => 'struct', name => $1, fields => fields_of($2)}
        : $$text =~ s/\A(typedef struct (\w+) \2;)// ? {kind => 'opaque', name => $2, code => $1}
        : $$text =~ s/\A(typedef \w+ (\w+);)// ? {kind => 'alias', name => $2, code => $1}
        : $$text =~ s/\Atypedef (\w+) \(\*(\w+)\)\(([^;]*)\);// ? callable('callback', $1, $2, $3)
        : $$text =~ s/\AAP_API\s+([^;(]*?)(\w+)\(([^;]*)\);// ? callable('function', $1, $2, $3)
        : die "$path: what is this?\n", substr $$text, 0, 200;
    $item->{comment} = $comment || die "$path: $item->{name} has no comment\n";
    other_cases($item->{name}, $text) if $item->{kind} eq 'macro';
    return $item;
}

# Passes over the other definitions of a macro that has one for each compiler.
sub other_cases {
    my ($macro, $text) = @_;
    while (has_more($text) && $$text =~ s/\A#\s*define $macro\b.*\n//) { }
    return;
}

sub values_of {
    my ($body) = @_;
    my @values;
    push @values, {comment => comment($1), name => $2, value => $3}
        while $body =~ s{\A\s*/\*\*(.*?)\*/\s*(\w+) = (-?\d+),}{}s;
    die "no value with a comment: $body\n" if $body =~ /\S/ || !@values;
    return \@values;
}

sub fields_of {
    my ($body) = @_;
    my @fields;
    push @fields, {comment => comment($1), code => tidy($2), name => $3}
        while $body =~ s{\A\s*/\*\*(.*?)\*/\s*([^;]*?(\w+);)}{}s;
    die "no field with a comment: $body\n" if $body =~ /\S/ || !@fields;
    return \@fields;
}

sub callable {
    my ($kind, $answer, $name, $arguments) = @_;
    my @arguments = map { tidy($_) } split /,/, $arguments;
    return {kind => $kind, name => $name, answer => tidy($answer), arguments => \@arguments};
}

# The names of types without their tags, on one line.
sub tidy {
    my ($code) = @_;
    $code =~ s/\bstruct (?=ap_)//g;
    $code =~ s/\s+/ /g;
    $code =~ s/\A | \z//g;
    return $code;
}

# A comment taken apart:
#
#   brief     its first sentence
#   blocks    all of it before the sections: {text} is a paragraph, {lines} a table or a program
#   sections  {label, text, answers}: "Ownership: ..." and the like (in C++ "Ownership. ..."); answers, of Returns, are
#             {names, cause}
sub comment {
    my ($text) = @_;
    $text =~ s/^[ \t]*\*(?: |$)//gm;
    my $comment = {blocks => [], sections => []};
    my $open; # the paragraph, table or section that the next line may go on with
    my $closed = 1;
    for my $line (split /\n/, $text) {
        $line =~ s/\s+\z//;
        if ($line eq '') {
            $closed = 1;
        } elsif ($line =~ /\A([A-Z]\w*)([:.]\s+)(.*)/ && length($1 . $2) == $INDENT) {
            $open = {label => $1, lines => [$3]};
            push @{ $comment->{sections} }, $open;
            $closed = 0;
        } elsif (!$closed && $open->{label} && $line =~ s/\A {$INDENT}//) {
            push @{ $open->{lines} }, $line;
        } elsif ($line =~ /\A {4}\s*\S/ && ($closed || $open->{lines})) {
            push @{ $comment->{blocks} }, $open = {lines => []} if !($open && $open->{lines} && !$open->{label});
            push @{ $open->{lines} }, ('') x ($closed && @{ $open->{lines} } > 0), substr $line, 4;
            $closed = 0;
        } else {
            push @{ $comment->{blocks} }, $open = {text => ''} if $closed || !defined $open->{text};
            $line =~ s/\A\s+//;
            $open->{text} .= ($open->{text} eq '' ? '' : ' ') . $line;
            $closed = 0;
        }
    }
    section($_) for @{ $comment->{sections} };
    my $first = $comment->{blocks}[0]{text} // die "a comment that does not say what it is about:\n$text\n";
    $comment->{brief} = $first =~ /\A(.*?\.)(?= [A-Z]|\z)/s ? $1 : $first;
    return $comment;
}

# The lines of a section as text, and those of the form "AP_ERR_..., AP_ERR_...  cause" as answers.
sub section {
    my ($section) = @_;
    my ($text, @answers) = ('');
    for my $line (@{ delete $section->{lines} }) {
        if ($line =~ /\A(AP_[A-Z_]+(?:, AP_[A-Z_]+)*)(?:\s{2,}(.*))?\z/) {
            push @answers, {names => [split /, /, $1], cause => $2 // ''};
            next;
        }
        my $into = @answers ? \$answers[-1]{cause} : \$text;
        $line =~ s/\A\s+//;
        $$into .= ($$into eq '' ? '' : ' ') . $line;
    }
    $section->{text} = $text;
    $section->{answers} = \@answers;
    return;
}

# The text of a section as a sentence: with a capital, unless it begins with an argument or another name.
sub sentence {
    my ($section, $arguments) = @_;
    my ($text) = $section->{text};
    my ($first) = $text =~ /\A([\w.]*)/;
    my $is_name = $first =~ /[._]\w/ || grep {/\b\Q$first\E\z/} @{ $arguments || [] };
    return $is_name ? $text : ucfirst $text;
}

# What a status means in general, said where a function says nothing of its own.
sub meaning {
    my ($names, $status) = @_;
    my ($value) = grep { $_->{name} eq $status } @{ $names->{$status}{values} };
    return $value->{comment}{brief};
}

# A map of the names of a header to its items; those of values to their enums.
sub names {
    my ($header) = @_;
    my %names;
    for my $item (@{ $header->{items} }) {
        $names{ $item->{name} } = $item;
        $names{ $_->{name} } = $item for @{ $item->{values} || [] };
    }
    return \%names;
}

# The groups of docs/reference/groups: {name, title, about, members}. Every item of the header is in one of them.
sub groups {
    my ($path, $header) = @_;
    open my $file, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    my (@groups, %seen);
    while (my $line = <$file>) {
        chomp $line;
        next if $line =~ /\A(?:#|\z)/;
        if ($line =~ /\A(\w+)\s+(.+?): (.+)\z/) {
            push @groups, {name => $1, title => $2, about => $3, members => []};
        } else {
            push @{ $groups[-1]{members} }, split ' ', $line;
        }
    }
    $seen{$_}++ for map { @{ $_->{members} } } @groups;
    for my $item (@{ $header->{items} }) {
        my $count = delete $seen{ $item->{name} } // 0;
        die "$path: $item->{name} is in $count groups, and belongs in one\n" if $count != 1;
    }
    die "$path: the header has no ", join(', ', sort keys %seen), "\n" if %seen;
    return @groups;
}

1;
